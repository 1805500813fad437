package claude

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Sample gives temperature and top_p, either of which may be absent, as far as
// the model takes them, and the names of those that it does not. A value that is
// the default anyway is left out without a word.
func (g Generation) Sample(temperature, topP jsontext.Value, thinks bool) (t, p jsontext.Value, dropped []string) {
	warm, hasTemperature := number(temperature)
	mass, hasTopP := number(topP)
	if thinks || g.Sampling == NoSampling {
		if hasTemperature && warm != 1 {
			dropped = append(dropped, "temperature")
		}
		if hasTopP && mass < 0.99 {
			dropped = append(dropped, "top_p")
		}
		return nil, nil, dropped
	}
	if hasTemperature {
		// OpenAI's range ends at 2.
		if t = temperature; warm > 1 {
			t = jsontext.Value("1")
		}
	}
	if hasTopP {
		switch {
		case !hasTemperature || g.Sampling != OneSampling:
			p = topP
		case mass < 1:
			dropped = append(dropped, "top_p")
		}
	}
	return t, p, dropped
}

func number(v jsontext.Value) (float64, bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	f, _ := strconv.ParseFloat(string(v), 64) // a number: out of range is an infinity
	return f, true
}
