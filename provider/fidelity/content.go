package fidelity

// Handling is what becomes of a part of a message that is not text.
type Handling int

// The handlings.
const (
	Unread  Handling = iota // a 400 that names the part
	Passed                  // as it is: its address, its bytes or its id
	Fetched                 // the gateway fetches what is at the address and sends the bytes
)

// Kind is a kind of content parts.
type Kind struct {
	Name string
	Part string // an example, as a client sends it
	Mark string // what of it reaches the provider
	// translated is what becomes of it where requests are translated, by the
	// column's name.
	translated map[string]Handling
}

// Handling gives what becomes of such a part.
func (k *Kind) Handling(c *Column) Handling {
	switch {
	case c.Server == nil:
		return k.translated[c.Name]
	case c.Server.InlineImages && k.Name == imageAt:
		return Fetched
	}
	return Passed
}

const imageAt = "`image_url`, an https URL"

// Kinds lists the kinds of content.
func Kinds() []Kind {
	return []Kind{
		{imageAt, `{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}`, "https://example.com/a.png", map[string]Handling{
			"anthropic": Passed, "bedrock": Fetched, "cohere": Passed, "google": Passed, "vertex (Gemini)": Passed, "vertex (Claude)": Passed}},
		{"`image_url`, a data URL", `{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0K"}}`, "iVBORw0K", map[string]Handling{
			"anthropic": Passed, "bedrock": Passed, "cohere": Passed, "google": Passed, "vertex (Gemini)": Passed, "vertex (Claude)": Passed}},
		{"`file`, a PDF as `file_data`", `{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0x"}}`, "JVBERi0x", map[string]Handling{
			"anthropic": Passed, "bedrock": Passed, "google": Passed, "vertex (Gemini)": Passed, "vertex (Claude)": Passed}},
		{"`file`, a PDF by `file_url`", `{"type":"file","file":{"file_url":"https://example.com/a.pdf"}}`, "https://example.com/a.pdf", map[string]Handling{
			"anthropic": Passed, "bedrock": Fetched, "google": Passed, "vertex (Gemini)": Passed, "vertex (Claude)": Passed}},
		{"`file`, the provider's own `file_id`", `{"type":"file","file":{"file_id":"files/abc"}}`, "files/abc", map[string]Handling{
			"anthropic": Passed, "google": Passed, "vertex (Claude)": Passed}},
		{"`input_audio`", `{"type":"input_audio","input_audio":{"format":"wav","data":"UklGRgAA"}}`, "UklGRgAA", map[string]Handling{
			"google": Passed, "vertex (Gemini)": Passed}},
		{"`video_url`, a data URL", `{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAAGGZ0"}}`, "AAAAGGZ0", map[string]Handling{
			"bedrock": Passed, "google": Passed, "vertex (Gemini)": Passed}},
	}
}
