package estimate

// kept is how many bytes of an answer are kept to be tokenized at its end.
const kept = 32 << 10

// Output counts the tokens of an answer while it is relayed. What the model
// wrote is written to it, piece by piece: text, thoughts, arguments of calls.
// It is for one goroutine at a time.
type Output struct {
	model   string
	percent int64
	// Bytes so far: of ASCII, and of all other characters.
	plain, other int64
	dense        int64  // of both, what is neither a small letter nor a space
	text         []byte // the beginning
}

// NewOutput counts as the model does, named as its provider names it.
func NewOutput(model string) *Output {
	return &Output{model: model, percent: familyOf(model).percent}
}

// WriteString adds a piece. It takes nanoseconds and never fails.
func (o *Output) WriteString(piece string) (int, error) {
	add(o, piece)
	return len(piece), nil
}

// Write adds a piece, as WriteString does.
func (o *Output) Write(piece []byte) (int, error) {
	add(o, piece)
	return len(piece), nil
}

// isDense is 1 for the bytes that may be tokens of their own.
var isDense = func() (table [256]uint8) {
	for b := range table {
		if (b < 'a' || b > 'z') && b != ' ' {
			table[b] = 1
		}
	}
	return table
}()

func add[T string | []byte](o *Output, piece T) {
	other, dense := int64(0), int64(0)
	for i := range len(piece) {
		other += int64(piece[i] >> 7)
		dense += int64(isDense[piece[i]])
	}
	o.other += other
	o.dense += dense
	o.plain += int64(len(piece)) - other
	o.text = append(o.text, piece[:min(len(piece), kept-len(o.text))]...)
}

// Plenty is more than the tokens so far, but for jumbled letters: one for two small
// letters or spaces, and for each byte of all else.
func (o *Output) Plenty() int64 {
	return up((up(o.plain+o.other-o.dense, 2)+o.dense)*o.percent, 100)
}

// SoFar is about the tokens so far: of ASCII one for four bytes, else one for
// three. It is for a running stream, where Tokens would take too long.
func (o *Output) SoFar() int64 {
	return up((up(o.plain, 4)+up(o.other, 3))*o.percent, 100)
}

// Tokens are the tokens so far by the model's tokenizer, as Text has them. Of a
// long answer its first 32 KiB stand for the rest.
func (o *Output) Tokens() int64 {
	if len(o.text) == 0 {
		return 0
	}
	return up(Text(o.model, string(o.text))*(o.plain+o.other), int64(len(o.text)))
}
