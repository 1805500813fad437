package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// keys are the list's price keys that a bill knows, in the order in which
// catalog.json has them, with their names there.
var keys = [...][2]string{
	{"input_mtok", "input"},
	{"cache_read_mtok", "cached_input"},
	{"cache_write_mtok", "cache_write"},
	{"cache_write_1h_mtok", "cache_write_1h"},
	{"output_mtok", "output"},
	{"output_reasoning_mtok", "reasoning"},
	{"input_audio_mtok", "audio_input"},
	{"output_audio_mtok", "audio_output"},
	{"input_image_mtok", "image_input"},
	{"output_image_mtok", "image_output"},
	{"output_citation_mtok", "citation"},
	{"requests_kcount", "requests"},
	{"web_searches_kcount", "searches"},
}

// ignored are the price keys of what usage doesn't tell: searches of files,
// seconds, pages, messages, video, and which of the cached tokens are of which kind.
var ignored = map[string]bool{
	"storage_searches_kcount": true, "input_text_messages_kcount": true,
	"audio_hours": true, "input_audio_hours": true,
	"input_document_kpages": true, "input_annotated_document_kpages": true,
	"cache_audio_read_mtok": true, "cache_image_read_mtok": true,
	"input_video_mtok": true, "output_video_mtok": true,
}

// prices converts a model's prices: one, or a list of dated ones. A model that
// is sold in no unit that a bill knows has none. Nor has one without any price
// at all, unless its name says that it is free.
func prices(id string, v any) ([]jsontext.Value, error) {
	dated, ok := v.([]any)
	if !ok {
		dated = []any{map[string]any{"prices": v}}
	}
	var rows []jsontext.Value
	for _, v := range dated {
		d := v.(map[string]any)
		price := d["prices"].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(price)) {
			known := slices.ContainsFunc(keys[:], func(k [2]string) bool { return k[0] == key })
			if !known && !ignored[key] {
				return nil, fmt.Errorf("unknown price key %q", key)
			}
		}
		_, byToken := price["input_mtok"]
		if !byToken && !(len(price) == 0 && strings.HasSuffix(id, ":free")) {
			continue
		}
		row, err := priceRow(d["constraint"], price)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func priceRow(constraint any, price map[string]any) (jsontext.Value, error) {
	var fields []string
	add := func(format string, args ...any) { fields = append(fields, fmt.Sprintf(format, args...)) }
	if c, ok := constraint.(map[string]any); ok {
		switch c["type"] {
		case "start_date":
			add(`"since":%q`, c["start_date"])
		case "time_of_date":
			start, err := utc(c["start_time"].(string))
			if err != nil {
				return nil, err
			}
			end, err := utc(c["end_time"].(string))
			if err != nil {
				return nil, err
			}
			add(`"hours":[%q,%q]`, start, end)
		default:
			return nil, fmt.Errorf("unknown constraint %v", c)
		}
	}
	starts := map[int64]bool{}
	for _, k := range keys {
		switch v := price[k[0]].(type) {
		case number:
			add("%q:%s", k[1], v)
		case map[string]any:
			add("%q:%s", k[1], v["base"])
			for _, t := range v["tiers"].([]any) {
				start, err := strconv.ParseFloat(string(t.(map[string]any)["start"].(number)), 64)
				if err != nil {
					return nil, err
				}
				starts[int64(start)] = true
			}
		}
	}
	var tiers []string
	for _, start := range slices.Sorted(maps.Keys(starts)) {
		tiers = append(tiers, tier(start, price))
	}
	if tiers != nil {
		add(`"tiers":[%s]`, strings.Join(tiers, ","))
	}
	return jsontext.Value("{" + strings.Join(fields, ",") + "}"), nil
}

// tier is all rates of prompts above start, those too that have no tiers.
func tier(start int64, price map[string]any) string {
	fields := []string{fmt.Sprintf(`"above":%d`, start)}
	for _, k := range keys {
		switch v := price[k[0]].(type) {
		case number:
			if !strings.HasSuffix(k[0], "_kcount") {
				fields = append(fields, fmt.Sprintf("%q:%s", k[1], v))
			}
		case map[string]any:
			rate, best := v["base"], -1.0
			for _, t := range v["tiers"].([]any) {
				t := t.(map[string]any)
				from, _ := strconv.ParseFloat(string(t["start"].(number)), 64)
				if from <= float64(start) && from > best {
					rate, best = t["price"], from
				}
			}
			fields = append(fields, fmt.Sprintf("%q:%s", k[1], rate))
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// utc is a time of day with a zone as HH:MM:SS in UTC.
func utc(s string) (string, error) {
	t, err := time.Parse("15:04:05Z07:00", s)
	return t.UTC().Format(time.TimeOnly), err
}
