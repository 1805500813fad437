package upstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

func (bedrock) ordered(o *orders) *refusal {
	no := &refusal{status: o.status, kind: "InternalServerException", message: "The system encountered an unexpected error during processing. Try your request again."}
	switch {
	case o.status == http.StatusServiceUnavailable:
		no.kind, no.message = "ServiceUnavailableException", "Bedrock is unable to process your request."
	case o.status == http.StatusTooManyRequests:
		no.kind, no.message = "ThrottlingException", "Too many requests, please wait before trying again."
	case o.status < http.StatusInternalServerError:
		no.kind, no.message = "ValidationException", "The request was refused, as it asked."
	}
	return no
}

func (bedrock) refuse(w http.ResponseWriter, no *refusal, _ string) {
	if no.retryAfter != "" {
		w.Header().Set("Retry-After", no.retryAfter)
	}
	if no.html {
		refuseAsPage(w, no.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", no.kind+":http://internal.amazon.com/coral/com.amazon.bedrock/")
	w.WriteHeader(no.status)
	_, _ = w.Write(document(pair{"message", no.message}))
}

// bedrockPart is a block of an answer, whole and as a stream brings it: its start if it has one, its deltas.
type bedrockPart struct {
	whole, start jsontext.Value
	deltas       []jsontext.Value
}

func (x *exchange) bedrockParts() []bedrockPart {
	var parts []bedrockPart
	if told := x.answer.thinking; told != "" {
		signature := seal{x.id, 0, 1}.sign("thinking:" + told)
		p := bedrockPart{whole: document(pair{"reasoningContent", document(pair{"reasoningText",
			document(pair{"text", told}, pair{"signature", signature})})})}
		for _, word := range pieces(told) {
			p.deltas = append(p.deltas, document(pair{"reasoningContent", document(pair{"text", word})}))
		}
		parts = append(parts, bedrockPart{p.whole, nil, append(p.deltas, document(pair{"reasoningContent", document(pair{"signature", signature})}))})
	}
	if s := x.answer.preface + x.answer.text; s != "" {
		p := bedrockPart{whole: document(pair{"text", s})}
		for _, word := range pieces(s) {
			p.deltas = append(p.deltas, document(pair{"text", word}))
		}
		parts = append(parts, p)
	}
	for i, c := range x.answer.calls {
		head := []pair{{"toolUseId", fmt.Sprintf("tooluse_%s-%d", x.id, i)}, {"name", c.name}}
		p := bedrockPart{
			whole: document(pair{"toolUse", document(append(head, pair{"input", c.args})...)}),
			start: document(pair{"toolUse", document(head...)}),
		}
		for _, f := range fragments(string(c.args)) {
			p.deltas = append(p.deltas, document(pair{"toolUse", document(pair{"input", f})}))
		}
		parts = append(parts, p)
	}
	return parts
}

func (x *exchange) bedrockStop() string {
	switch {
	case x.orders.finish != "":
		return x.orders.finish
	case x.answer.calls != nil:
		return "tool_use"
	case x.answer.cut:
		return "max_tokens"
	case x.answer.stop != "":
		return "stop_sequence"
	}
	return "end_turn"
}

// bedrockUsage leaves what was read from a cache, and written to it, out of the input.
func bedrockUsage(u Usage) jsontext.Value {
	return document(pair{"inputTokens", u.Input - u.Cached - u.CacheWrite}, pair{"outputTokens", u.Output},
		pair{"totalTokens", u.Input + u.Output}, pair{"cacheReadInputTokens", u.Cached}, pair{"cacheWriteInputTokens", u.CacheWrite})
}

func (bedrock) whole(x *exchange) jsontext.Value {
	content := []jsontext.Value{}
	for _, p := range x.bedrockParts() {
		content = append(content, p.whole)
	}
	return document(pair{"metrics", document(pair{"latencyMs", 14})},
		pair{"output", document(pair{"message", document(pair{"content", content}, pair{"role", "assistant"})})},
		pair{"stopReason", x.bedrockStop()}, pair{"usage", bedrockUsage(x.answer.usage)})
}

func (bedrock) stream(x *exchange) error {
	if err := x.open("application/vnd.amazon.eventstream"); err != nil {
		return err
	}
	err := x.bedrockContent()
	if errors.Is(err, errOrdered) {
		return x.frame(awsFrame("exception", "internalServerException", document(pair{"message", "The system encountered an unexpected error."})))
	}
	if err != nil {
		return err
	}
	if err := x.frame(awsFrame("event", "messageStop", document(pair{"p", "abcdef"}, pair{"stopReason", x.bedrockStop()}))); err != nil {
		return err
	}
	return x.frame(awsFrame("event", "metadata", document(pair{"metrics", document(pair{"latencyMs", 14})},
		pair{"p", "abc"}, pair{"usage", bedrockUsage(x.answer.usage)})))
}

func (x *exchange) bedrockContent() error {
	x.hold(awsFrame("event", "messageStart", document(pair{"p", "abcd"}, pair{"role", "assistant"})))
	for i, p := range x.bedrockParts() {
		if p.start != nil {
			x.hold(awsFrame("event", "contentBlockStart", document(pair{"contentBlockIndex", i}, pair{"p", "ab"}, pair{"start", p.start})))
		}
		for _, d := range p.deltas {
			if err := x.chunk(awsFrame("event", "contentBlockDelta", document(pair{"contentBlockIndex", i}, pair{"delta", d}, pair{"p", "a"}))); err != nil {
				return err
			}
		}
		x.hold(awsFrame("event", "contentBlockStop", document(pair{"contentBlockIndex", i}, pair{"p", "abcdefgh"})))
	}
	return nil
}

// awsFrame is a message of application/vnd.amazon.eventstream: lengths, their CRC-32, headers of text, payload,
// and the CRC-32 of it all. kind is event or exception.
func awsFrame(kind, name string, payload jsontext.Value) []byte {
	var headers []byte
	for _, h := range [][2]string{{":" + kind + "-type", name}, {":content-type", "application/json"}, {":message-type", kind}} {
		headers = append(headers, byte(len(h[0])))
		headers = append(append(headers, h[0]...), 7)
		headers = binary.BigEndian.AppendUint16(headers, uint16(len(h[1])))
		headers = append(headers, h[1]...)
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(16+len(headers)+len(payload)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(headers)))
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	out = append(append(out, headers...), payload...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
}
