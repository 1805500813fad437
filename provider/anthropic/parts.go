package anthropic

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/url"
	"path"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// parts are the blocks of a user's or a tool's message.
func (c *conversation) parts(content openai.Content, param string) ([]block, error) {
	var blocks []block
	for i := range content {
		p := &content[i]
		where := fmt.Sprintf("%s.content[%d]", param, i)
		b, err := c.part(p, where)
		if err != nil {
			return nil, err
		}
		if b.CacheControl, err = cacheMark(p.CacheControl, where); err != nil {
			return nil, err
		}
		if b.Type == "text" && strings.TrimSpace(b.Text) == "" {
			continue // Anthropic refuses blank text
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (c *conversation) part(p *openai.Part, param string) (block, error) {
	switch {
	case p.Type == "text":
		return block{Type: "text", Text: p.Text}, nil
	case p.Type == "image_url" && p.ImageURL != nil:
		if d := p.ImageURL.Detail; d != "" && d != "auto" {
			c.drop(param + ".image_url.detail")
		}
		return image(p.ImageURL.URL, param+".image_url.url")
	case p.Type == "file" && p.File != nil:
		return c.file(p.File, param+".file")
	case p.Type == "image_url", p.Type == "file":
		return block{}, openai.Invalid("missing_field", param+"."+p.Type, "'%s.%s' is missing", param, p.Type)
	}
	return block{}, openai.Invalid("unsupported_value", param+".type", "'%s.type' can't be %q: this gate's provider, Anthropic, takes text, images and documents", param, p.Type)
}

// imageTypes are the media types of images that Anthropic reads.
var imageTypes = map[string]bool{"image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true}

func image(u, param string) (block, error) {
	if strings.HasPrefix(u, "https://") {
		return block{Type: "image", Source: &source{Type: "url", URL: u}}, nil
	}
	d, ok := parseData(u)
	if !ok {
		return block{}, openai.Invalid("invalid_image_url", param, "'%s' must be an https URL, or a data URL in base64", param)
	}
	return d.image(param)
}

// data is a data URL: data:<media type>;base64,<text>.
type data struct{ mediaType, text string }

func parseData(u string) (data, bool) {
	rest, ok := strings.CutPrefix(u, "data:")
	if !ok {
		return data{}, false
	}
	head, text, ok := strings.Cut(rest, ",")
	if !ok {
		return data{}, false
	}
	head, ok = strings.CutSuffix(head, ";base64")
	if !ok {
		return data{}, false
	}
	mediaType, _, err := mime.ParseMediaType(head)
	return data{mediaType, text}, err == nil
}

func (d data) image(param string) (block, error) {
	mediaType := d.mediaType
	if mediaType == "image/jpg" {
		mediaType = "image/jpeg"
	}
	if !imageTypes[mediaType] {
		return block{}, openai.Invalid("invalid_image_format", param, "'%s' has the media type %q: Anthropic reads image/jpeg, image/png, image/gif and image/webp", param, d.mediaType)
	}
	return block{Type: "image", Source: &source{Type: "base64", MediaType: mediaType, Data: d.text}}, nil
}

// file is a document, or an image that came as a file.
func (c *conversation) file(f *openai.File, param string) (block, error) {
	doc := block{Type: "document", Title: f.Filename}
	switch {
	case f.FileID != "":
		c.files = true
		doc.Source = &source{Type: "file", FileID: f.FileID}
		return doc, nil
	case f.FileURL != "":
		if u, err := url.Parse(f.FileURL); err != nil || u.Scheme != "https" {
			return doc, openai.Invalid("invalid_value", param+".file_url", "'%s.file_url' must be an https URL", param)
		}
		doc.Source = &source{Type: "url", URL: f.FileURL}
		return doc, nil
	case f.FileData == "":
		return doc, openai.Invalid("missing_field", param+".file_data", "'%s' has neither file_data nor file_id", param)
	}
	param += ".file_data"
	d, ok := parseData(f.FileData)
	if !ok {
		// Bare base64, of which the name says what it is.
		d = data{typesByName[strings.ToLower(path.Ext(f.Filename))], f.FileData}
	}
	switch {
	case d.mediaType == "application/pdf":
		doc.Source = &source{Type: "base64", MediaType: d.mediaType, Data: d.text}
		return doc, nil
	case strings.HasPrefix(d.mediaType, "image/"):
		return d.image(param)
	case isText(d.mediaType):
		text, err := base64.StdEncoding.DecodeString(d.text)
		if err != nil {
			return doc, openai.Invalid("invalid_value", param, "'%s' is not valid base64", param)
		}
		doc.Source = &source{Type: "text", MediaType: "text/plain", Data: strings.ToValidUTF8(string(text), "\ufffd")}
		return doc, nil
	}
	return doc, openai.Invalid("unsupported_value", param, "'%s' must be a data URL in base64 of a PDF, text or an image: Anthropic reads nothing else", param)
}

// typesByName are media types by the ending of a file's name. They are here
// since the system's own list differs between machines.
var typesByName = map[string]string{
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".csv": "text/csv",
	".html": "text/html", ".json": "application/json", ".xml": "application/xml",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
}

// isText reports whether documents of the type are read as text; what they are
// beyond that is lost on Anthropic.
func isText(mediaType string) bool {
	switch mediaType {
	case "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/")
}
