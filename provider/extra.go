package provider

import "github.com/layergateway/layergateway/openai"

// Extend adds what the request has for this provider type in extra_body to the
// translated body. What the translation itself has said stays: dropped names
// what lost to it.
func (c *Call) Extend(body []byte) (extended []byte, dropped []string, err error) {
	extra, err := c.Request.Extra(c.Edits, c.Provider.Type)
	if err != nil || extra == nil {
		return body, nil, err
	}
	return c.merge(body, extra)
}

// Body is the request with the edits, in OpenAI's own form, and with what Extend
// adds to it.
func (c *Call) Body(e *openai.Edits) (*openai.Body, []string, error) {
	body := c.Request.Body(e)
	extra, err := c.Request.Extra(c.Edits, c.Provider.Type)
	if err != nil || extra == nil {
		return body, nil, err
	}
	extended, dropped, err := c.merge(body.Bytes(), extra)
	return openai.BodyOf(extended), dropped, err
}

func (c *Call) merge(body, extra []byte) (merged []byte, dropped []string, err error) {
	merged, taken, err := openai.Merge(body, extra)
	for _, name := range taken {
		dropped = append(dropped, "extra_body."+c.Provider.Type+"."+name)
	}
	return merged, dropped, err
}
