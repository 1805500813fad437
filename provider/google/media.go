package google

import (
	"encoding/base64"
	"net/url"
	"path"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// mediaTypes are the types of the files that Gemini reads, by extension.
var mediaTypes = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
	".gif": "image/gif", ".heic": "image/heic", ".heif": "image/heif", ".bmp": "image/bmp",
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".csv": "text/csv",
	".html": "text/html", ".htm": "text/html", ".css": "text/css", ".xml": "text/xml",
	".json": "application/json", ".rtf": "text/rtf", ".py": "text/x-python", ".js": "text/javascript",
	".wav": "audio/wav", ".mp3": "audio/mp3", ".aiff": "audio/aiff", ".aac": "audio/aac",
	".ogg": "audio/ogg", ".flac": "audio/flac", ".m4a": "audio/m4a",
	".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mpg": "video/mpg", ".mov": "video/mov",
	".avi": "video/avi", ".flv": "video/x-flv", ".webm": "video/webm", ".wmv": "video/wmv", ".3gp": "video/3gpp",
}

// filesAPI is in front of the names of files that were uploaded to Google.
const filesAPI = "https://generativelanguage.googleapis.com/v1beta/"

// media translates a part that is not text; param is where it stands.
func (t *translation) media(p *openai.Part, param string) (part, error) {
	switch {
	case p.Type == "image_url" && p.ImageURL != nil:
		if d := p.ImageURL.Detail; d != "" && d != "auto" {
			t.drop("messages.content.image_url.detail")
		}
		return fromURL(p.ImageURL.URL, "", "image/jpeg", param+".image_url.url", "invalid_image_url")
	case p.Type == "video_url" && p.VideoURL != nil:
		return fromURL(p.VideoURL.URL, "", "video/mp4", param+".video_url.url", "invalid_value")
	case p.Type == "input_audio" && p.InputAudio != nil:
		kind, ok := mediaTypes["."+strings.ToLower(p.InputAudio.Format)]
		if !ok || !strings.HasPrefix(kind, "audio/") {
			return part{}, openai.Invalid("invalid_value", param+".input_audio.format", "'%s.input_audio.format' must be wav, mp3, aiff, aac, ogg, flac or m4a", param)
		}
		return part{InlineData: &blob{MIMEType: kind, Data: p.InputAudio.Data}}, nil
	case p.Type == "file" && p.File != nil:
		return t.file(p.File, param+".file")
	}
	return part{}, openai.Invalid("invalid_value", param+".type", "'%s.type' must be text, image_url, input_audio, file or video_url, with a member of that name", param)
}

func (t *translation) file(f *openai.File, param string) (part, error) {
	switch {
	case f.FileData != "":
		data := f.FileData
		if !strings.HasPrefix(data, "data:") {
			// Base64 alone: its type is in the name.
			kind := typeOf(f.Filename)
			if kind == "" {
				return part{}, openai.Invalid("invalid_value", param+".file_data", "'%s.file_data' has no type: send a data URL, or a filename with an extension", param)
			}
			return part{InlineData: &blob{MIMEType: kind, Data: data}}, nil
		}
		return fromURL(data, f.Filename, "", param+".file_data", "invalid_value")
	case f.FileURL != "":
		return fromURL(f.FileURL, f.Filename, "", param+".file_url", "invalid_value")
	case f.FileID != "" && !t.service.filesAPI:
		return part{}, openai.Invalid("invalid_value", param+".file_id", "'%s.file_id' is not a file of this provider: send file_data, or a gs or https URL as file_url", param)
	case strings.HasPrefix(f.FileID, "files/"):
		return part{FileData: &fileData{MIMEType: typeOf(f.Filename), FileURI: filesAPI + f.FileID}}, nil
	case strings.HasPrefix(f.FileID, filesAPI+"files/"):
		return part{FileData: &fileData{MIMEType: typeOf(f.Filename), FileURI: f.FileID}}, nil
	case f.FileID != "":
		return part{}, openai.Invalid("invalid_value", param+".file_id", "'%s.file_id' is not a file of this provider: upload it to Google's Files API and send its URI, or send file_data", param)
	}
	return part{}, openai.Invalid("missing_field", param, "'%s' has no file_data, file_url or file_id", param)
}

// fromURL makes a part of a data URL, or of a URL that Google fetches. A type
// that neither the URL nor the file's name tells is usual; where that is empty
// too, the caller must say it.
func fromURL(raw, filename, usual, param, code string) (part, error) {
	if strings.HasPrefix(raw, "data:") {
		b, ok := fromDataURL(raw)
		if !ok {
			return part{}, openai.Invalid(code, param, "'%s' is not a data URL with a media type, such as data:image/png;base64,…", param)
		}
		return part{InlineData: b}, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "gs" {
		return part{}, openai.Invalid(code, param, "'%s' must be a data, https or gs URL", param)
	}
	kind := typeOf(u.Path)
	if kind == "" {
		kind = typeOf(filename)
	}
	switch {
	case kind != "":
	case isYouTube(u.Hostname()), strings.HasPrefix(raw, filesAPI):
		// Google knows what these are.
	case usual == "":
		return part{}, openai.Invalid(code, param, "'%s' does not tell the file's type: add a filename with an extension", param)
	default:
		kind = usual
	}
	return part{FileData: &fileData{MIMEType: kind, FileURI: raw}}, nil
}

// fromDataURL reads data:<type>[;parameters][;base64],<data>.
func fromDataURL(raw string) (*blob, bool) {
	head, data, ok := strings.Cut(strings.TrimPrefix(raw, "data:"), ",")
	kind, params, _ := strings.Cut(head, ";")
	if !ok || !strings.Contains(kind, "/") {
		return nil, false
	}
	if !strings.HasSuffix(";"+strings.ToLower(params), ";base64") {
		text, err := url.PathUnescape(data)
		if err != nil {
			return nil, false
		}
		data = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return &blob{MIMEType: strings.ToLower(kind), Data: data}, true
}

func typeOf(name string) string { return mediaTypes[strings.ToLower(path.Ext(name))] }

func isYouTube(host string) bool {
	return host == "youtu.be" || host == "youtube.com" || strings.HasSuffix(host, ".youtube.com")
}
