package bedrock

import (
	"fmt"
	"mime"
	"path"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// parts are the blocks of a user's or a tool's message.
func (c *conversation) parts(content openai.Content, param string) (blocks []block, err error) {
	for i := range content {
		p := &content[i]
		where := fmt.Sprintf("%s.content[%d]", param, i)
		b, err := c.part(p, where)
		if err != nil {
			return nil, err
		}
		if p.Type != "text" || strings.TrimSpace(b.Text) != "" { // Bedrock refuses blank text
			blocks = append(blocks, b)
		}
		if blocks, err = c.mark(blocks, p.CacheControl, where); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

func (c *conversation) part(p *openai.Part, param string) (block, error) {
	switch {
	case p.Type == "text":
		return block{Text: p.Text}, nil
	case p.Type == "image_url" && p.ImageURL != nil:
		if d := p.ImageURL.Detail; d != "" && d != "auto" {
			c.drop(param + ".image_url.detail")
		}
		return image(p.ImageURL.URL, param+".image_url.url")
	case p.Type == "video_url" && p.VideoURL != nil:
		return video(p.VideoURL.URL, param+".video_url.url")
	case p.Type == "file" && p.File != nil:
		return c.file(p.File, param+".file")
	case p.Type == "image_url", p.Type == "video_url", p.Type == "file":
		return block{}, openai.Invalid("missing_field", param+"."+p.Type, "'%s.%s' is missing", param, p.Type)
	}
	return block{}, openai.Invalid("unsupported_value", param+".type", "'%s.type' can't be %q: this gate's provider, Bedrock, takes text, images, videos and documents", param, p.Type)
}

// The formats that Bedrock reads, by their media types.
var (
	imageFormats = map[string]string{
		"image/jpeg": "jpeg", "image/jpg": "jpeg", "image/png": "png", "image/gif": "gif", "image/webp": "webp",
	}
	videoFormats = map[string]string{
		"video/mp4": "mp4", "video/quicktime": "mov", "video/x-matroska": "mkv", "video/webm": "webm",
		"video/x-flv": "flv", "video/mpeg": "mpeg", "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
	}
	documentFormats = map[string]string{
		"application/pdf": "pdf", "text/csv": "csv", "text/html": "html", "text/markdown": "md", "text/plain": "txt",
		"application/msword":       "doc",
		"application/vnd.ms-excel": "xls",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       "xlsx",
		// What is read as text, whatever else it is.
		"application/json": "txt", "application/xml": "txt", "application/yaml": "txt", "application/x-yaml": "txt", "application/javascript": "txt",
	}
	// extensions that say more than media types, which vary with the system.
	extensions = map[string]string{
		".pdf": "pdf", ".csv": "csv", ".html": "html", ".htm": "html", ".md": "md", ".txt": "txt",
		".doc": "doc", ".docx": "docx", ".xls": "xls", ".xlsx": "xlsx", ".json": "txt", ".xml": "txt", ".yaml": "txt", ".yml": "txt",
	}
)

// image is an image as bytes, which is the only form that Bedrock takes here: its
// other one, a place in S3, would be read with the operator's rights.
func image(u, param string) (block, error) {
	d, ok := parseData(u)
	if !ok {
		return block{}, openai.Invalid("invalid_image_url", param, "'%s' must be a data URL in base64: this gate's provider, Bedrock, does not fetch images", param)
	}
	m, ok := d.media(imageFormats)
	if !ok {
		return block{}, openai.Invalid("invalid_image_format", param, "'%s' has the media type %q: Bedrock reads image/jpeg, image/png, image/gif and image/webp", param, d.mediaType)
	}
	return block{Image: m}, nil
}

func video(u, param string) (block, error) {
	d, ok := parseData(u)
	if !ok {
		return block{}, openai.Invalid("invalid_value", param, "'%s' must be a data URL in base64: this gate's provider, Bedrock, does not fetch videos", param)
	}
	m, ok := d.media(videoFormats)
	if !ok {
		return block{}, openai.Invalid("invalid_value", param, "'%s' has the media type %q: Bedrock reads mp4, mov, mkv, webm, flv, mpeg, wmv and 3gp", param, d.mediaType)
	}
	return block{Video: m}, nil
}

// data is a data URL: data:<media type>;base64,<text>.
type data struct{ mediaType, text string }

func parseData(u string) (data, bool) {
	rest, isData := strings.CutPrefix(u, "data:")
	head, text, hasText := strings.Cut(rest, ",")
	head, isBase64 := strings.CutSuffix(head, ";base64")
	mediaType, _, err := mime.ParseMediaType(head)
	return data{mediaType, text}, isData && hasText && isBase64 && err == nil
}

func (d data) media(formats map[string]string) (*media, bool) {
	m := media{Format: formats[d.mediaType]}
	m.Source.Bytes = d.text
	return &m, m.Format != ""
}

// file is a document, or an image that came as a file.
func (c *conversation) file(f *openai.File, param string) (block, error) {
	if f.FileData == "" {
		return block{}, openai.Invalid("missing_field", param+".file_data", "'%s.file_data' is missing: this gate's provider, Bedrock, has no files of its own and fetches none", param)
	}
	param += ".file_data"
	extension := strings.ToLower(path.Ext(f.Filename))
	d, ok := parseData(f.FileData)
	if !ok {
		d = data{text: f.FileData} // bare base64, of which the name says what it is
	}
	if strings.HasPrefix(d.mediaType, "image/") {
		return image(f.FileData, param)
	}
	m, ok := d.media(documentFormats)
	switch {
	case ok && m.Format != "txt":
	case extensions[extension] != "":
		m.Format = extensions[extension]
	case strings.HasPrefix(d.mediaType, "text/"):
		m.Format = "txt"
	case !ok:
		return block{}, openai.Invalid("unsupported_value", param, "'%s' must be a data URL in base64 of a PDF, a text, an Office document or an image: Bedrock reads nothing else", param)
	}
	m.Name = c.documentName(strings.TrimSuffix(f.Filename, path.Ext(f.Filename)))
	return block{Document: m}, nil
}

// maxDocumentName leaves room for a number behind it.
const maxDocumentName = 56

// documentName is a name that Bedrock takes, and that no other document has:
// letters, digits, single spaces, hyphens, brackets.
func (c *conversation) documentName(given string) string {
	clean := strings.Map(func(r rune) rune {
		if notNameRune(r) && !strings.ContainsRune("()[]", r) || r == '_' {
			return ' '
		}
		return r
	}, given)
	clean = strings.Join(strings.Fields(clean), " ")
	clean = strings.TrimSpace(clean[:min(len(clean), maxDocumentName)])
	if clean == "" {
		clean = "document"
	}
	name := clean
	for c.documents[name] > 0 {
		c.documents[clean]++
		name = fmt.Sprintf("%s (%d)", clean, c.documents[clean])
	}
	c.documents[name]++
	return name
}
