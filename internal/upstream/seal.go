package upstream

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// A seal is the signature of a thought: which answer it belongs to, its place among that answer's sealed
// blocks, how many there are, and a code over these and what was thought. In base64, as the providers' are.
type seal struct {
	answer string
	place  int
	of     int
}

// sealKey signs. The fakes hide nothing: the code only shows that a block came back as it went out.
var sealKey = []byte("upstream")

func (s seal) sign(what string) string {
	head := s.answer + "/" + strconv.Itoa(s.place) + "/" + strconv.Itoa(s.of)
	return base64.StdEncoding.EncodeToString([]byte(head + "/" + code(head, what)))
}

func code(head, what string) string {
	m := hmac.New(sha256.New, sealKey)
	m.Write([]byte(head + "\x00" + what))
	return string(m.Sum(nil))
}

// openSeal reads a signature; false if it was not made by sign over the same text.
func openSeal(signature, what string) (seal, bool) {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return seal{}, false
	}
	parts := strings.SplitN(string(raw), "/", 4)
	if len(parts) != 4 {
		return seal{}, false
	}
	place, err1 := strconv.Atoi(parts[1])
	of, err2 := strconv.Atoi(parts[2])
	head := strings.Join(parts[:3], "/")
	if err1 != nil || err2 != nil || !hmac.Equal([]byte(parts[3]), []byte(code(head, what))) {
		return seal{}, false
	}
	return seal{answer: parts[0], place: place, of: of}, true
}
