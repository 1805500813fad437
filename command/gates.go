package command

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/gate"
)

// listed is a gate as JSON.
type listed struct {
	ID       string   `json:"id"`
	Name     string   `json:"name,omitzero"`
	Strategy string   `json:"strategy"`
	Models   []string `json:"models"`
	Paused   bool     `json:"paused,omitzero"`
	Source   string   `json:"source"`
	Limits   []string `json:"limits,omitzero"`
}

// GatesList prints the gates of a configuration.
func GatesList(s Streams, gates iter.Seq[*gate.Gate], asJSON bool) error {
	out := &printer{w: s.Out}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	rows := &printer{w: table}
	if !asJSON {
		rows.printf("NAME\tID\tSTRATEGY\tMODELS\tLIMITS\tSOURCE\n")
	}
	for g := range gates {
		l := listed{ID: g.ID, Name: g.Name, Strategy: string(g.Strategy), Paused: g.Paused, Source: g.Source, Limits: limitTexts(&g.Limits)}
		for _, t := range g.Targets {
			l.Models = append(l.Models, t.Provider+"/"+t.Model)
		}
		if asJSON {
			text, err := json.Marshal(l)
			if err != nil {
				return err
			}
			out.printf("%s\n", text)
			continue
		}
		name := l.Name
		if name == "" {
			name = "-"
		}
		if l.Paused {
			name += " (paused)"
		}
		limits := strings.Join(l.Limits, ", ")
		if limits == "" {
			limits = "-"
		}
		rows.printf("%s\t%s\t%s\t%s\t%s\t%s\n", oneLine(name), l.ID, l.Strategy, oneLine(strings.Join(l.Models, ", ")), limits, oneLine(l.Source))
	}
	if asJSON {
		return out.err
	}
	return errors.Join(rows.err, table.Flush())
}

// limitTexts are limits in words.
func limitTexts(l *gate.Limits) (texts []string) {
	for _, r := range l.Requests {
		texts = append(texts, fmt.Sprintf("%d requests in %s", r.Count, r.Window))
	}
	for _, r := range l.Tokens {
		texts = append(texts, fmt.Sprintf("%d tokens in %s", r.Count, r.Window))
	}
	if b := l.Budget; b != nil {
		text := cost.Amount(b.Amount).String() + " USD " + b.Period
		if b.AlertOnly {
			text += " (alerts only)"
		}
		texts = append(texts, text)
	}
	return texts
}

// GatesCheck checks files with gates, all of them together, since no two gates may have the same id or name. Without a
// resolver, models are not looked up. The error has CodeNo if there is a mistake; each is printed with its file and line.
func GatesCheck(s Streams, files []string, resolve gate.Resolver) error {
	if len(files) == 0 {
		return errors.New("name the files to check")
	}
	if resolve == nil {
		resolve = anyModel
	}
	table, err := gate.NewTable(gate.Options{Files: files, Resolve: resolve})
	if err != nil {
		for _, mistake := range apart(err) {
			if _, err := fmt.Fprintln(s.Err, harmless(mistake.Error())); err != nil {
				return err
			}
		}
		return no(nil)
	}
	defer table.Close()
	n := table.Len()
	_, err = fmt.Fprintf(s.Out, "%d gates, no mistakes\n", n)
	return err
}

// anyModel takes any model: which providers there are is the configuration's business.
func anyModel(model string) (provider, name string, err error) {
	if provider, name, ok := strings.Cut(model, "/"); ok {
		return provider, name, nil
	}
	return "", model, nil
}

// apart undoes errors.Join.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, apart(one)...)
	}
	return all
}
