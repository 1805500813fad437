package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
	"github.com/layergateway/layergateway/ledger"
)

var funcs = template.FuncMap{
	"money": money, "exact": exact, "rate": rate, "count": count, "grouped": grouped, "dur": dur, "percent": percent,
	"when": when, "stamp": stamp, "ago": ago, "query": query, "change": change, "join": strings.Join, "window": window,
	"short": short, "plural": plural, "billed": billed, "tokens": tokens, "outcomeClass": outcomeClass, "status": statusText,
	"first": first, "p95": p95, "declared": declared, "known": cost.Price.Known, "span": span1,
}

const dollar = 1_000_000_000_000

// money is an amount as people read it: two decimals from a dollar on, and below it at least two digits that count.
func money(a cost.Amount) string {
	v := float64(a) / dollar
	switch abs := math.Abs(v); {
	case a == 0:
		return "$0"
	case abs >= 1:
		cents := int64(math.Round(abs * 100))
		return sign(v) + "$" + grouped(cents/100) + fmt.Sprintf(".%02d", cents%100)
	case abs >= 0.01:
		return sign(v) + "$" + strconv.FormatFloat(abs, 'f', 4, 64)
	default:
		decimals := int(-math.Floor(math.Log10(abs))) + 1
		return sign(v) + "$" + strconv.FormatFloat(abs, 'f', min(decimals, 12), 64)
	}
}

func sign(v float64) string {
	if v < 0 {
		return "−"
	}
	return ""
}

// exact is all digits of an amount.
func exact(a cost.Amount) string { return "$" + a.String() }

// rate is a price per token as everybody writes it: in dollars per million, with two decimals at least.
func rate(a cost.Amount) string {
	text := perMillion(a)
	switch _, decimals, _ := strings.Cut(text, "."); {
	case a == 0 || len(decimals) > 1:
	case decimals == "":
		text += ".00"
	default:
		text += "0"
	}
	return "$" + text
}

// perMillion is a price per token in dollars per million of them.
func perMillion(a cost.Amount) string {
	const most = math.MaxInt64 / 1_000_000
	if a > most {
		return strconv.FormatFloat(float64(a)*1e-6, 'f', -1, 64)
	}
	return (a * 1_000_000).String()
}

// count is a number in few digits: 950, 12.3k, 4.56M.
func count(n int64) string {
	v := float64(n)
	for _, unit := range []string{"", "k", "M", "G"} {
		if v < 1000 || unit == "G" {
			if unit == "" || v >= 100 {
				return strconv.FormatFloat(math.Floor(v), 'f', 0, 64) + unit
			}
			return strconv.FormatFloat(v, 'f', 1, 64) + unit
		}
		v /= 1000
	}
	return grouped(n)
}

// grouped is a number with all digits: 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// dur is a time span in three digits or so.
func dur(d time.Duration) string {
	switch {
	case d <= 0:
		return "–"
	case d < time.Millisecond:
		return "<1 ms"
	case d < 10*time.Second:
		if d < time.Second {
			return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
		}
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// p95 is what 95 of 100 did not exceed.
func p95(h ledger.Histogram) string { return quantile(h.Quantile(.95)) }

// quantile is one of a histogram, which does not tell what is quick apart.
func quantile(d time.Duration) string {
	if d > 0 && d <= ledger.Finest {
		return "≤ " + dur(ledger.Finest)
	}
	return dur(d)
}

// window is a time span as configurations have it: 1m, not 1m0s.
func window(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return strconv.FormatFloat(float64(part)/float64(whole)*100, 'f', 1, 64) + "%"
}

const noChange = "no change"

// change is how much more one number is than another.
func change(now, before float64) string {
	switch {
	case before == 0 && now == 0:
		return noChange
	case before == 0:
		return "new"
	}
	p := (now - before) / math.Abs(before) * 100
	switch {
	case math.Abs(p) < 0.05:
		return noChange
	case p > 999:
		return "×" + strconv.FormatFloat(now/before, 'f', 0, 64)
	}
	return strings.Replace(fmt.Sprintf("%+.1f%%", p), "-", "−", 1)
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// ago is how long ago, or in how long, in one unit.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	text := span1(d.Abs())
	if d < 0 {
		return "in " + text
	}
	return text + " ago"
}

func span1(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 2*day:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d/day)) + " days"
}

// query makes a link's query of names and values; empty values are left out.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "?" + q.Encode()
}

// short is the beginning of an id.
func short(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}

// declared is where a gate is declared, in words.
func declared(source string) string {
	switch source {
	case "config":
		return "the configuration"
	case "store":
		return "the store"
	}
	return source
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// limitWords are limits in words, one each.
func limitWords(l gate.Limits) []string {
	var words []string
	for _, of := range []struct {
		limits []gate.Limit
		what   string
	}{{l.Requests, "requests"}, {l.Tokens, "tokens"}} {
		for _, limit := range of.limits {
			words = append(words, fmt.Sprintf("%s %s in %s", grouped(limit.Count), of.what, window(limit.Window)))
		}
	}
	if b := l.Budget; b != nil {
		text := money(cost.Amount(b.Amount)) + " " + b.Period
		if b.AlertOnly {
			text += ", alerts only"
		}
		words = append(words, text)
	}
	return words
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
