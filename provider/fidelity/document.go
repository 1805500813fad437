package fidelity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/layergateway/layergateway/openai"
)

// signs are the fates as the matrix has them, in the order of its legend.
var signs = []struct {
	fate       Fate
	sign, says string
}{
	{Same, "✓", "sent as it is"},
	{Mapped, "→", "sent by another name, in another form or with another value"},
	{Partly, "◐", "sent or dropped, as the model or the value has it; what is dropped is reported"},
	{Dropped, "–", "dropped and reported"},
	{Refused, "✗", "refused with status 400, since an answer without it would be of another kind"},
	{Gateway, "·", "the gateway's own business"},
}

func sign(f Fate) string {
	for _, s := range signs {
		if s.fate == f {
			return s.sign
		}
	}
	return ""
}

const preface = `# Fidelity

What becomes of each parameter of OpenAI's chat completion request at each provider type. This page is made by
` + "`go generate ./provider/fidelity`" + ` of what the dialects declare, and the tests of that package hold all of it against the
requests that they really make.

Whatever is dropped, a parameter or a part of one, is named in the answer's ` + "`layer.dropped`" + `. With the header
` + "`X-Layer-Strict: true`" + `, or ` + "`strict`" + ` on the gate, the request is a 400 that names it instead. A value that asks for nothing,
such as ` + "`\"store\": false`" + `, is not reported.

Fields that OpenAI doesn't have go up as they are where requests are OpenAI-shaped, and are reported elsewhere; a
provider's own go into ` + "`extra_body.<provider type>`" + `, which is merged into the translated request.

`

// Document is the whole table as Markdown, with the notes.
func Document() string {
	var b strings.Builder
	b.WriteString(preface)
	for _, s := range signs {
		fmt.Fprintf(&b, "- %s %s\n", s.sign, s.says)
	}
	var translated, served []*Column
	all := Columns()
	for i := range all {
		if all[i].Server == nil {
			translated = append(translated, &all[i])
		} else {
			served = append(served, &all[i])
		}
	}
	b.WriteString("\n## Providers with a protocol of their own\n\n")
	matrix(&b, translated)
	b.WriteString("\n## OpenAI-shaped providers\n\n" +
		"A provider of type `openai` whose `base_url` is that of a type below has that type's habits.\n\n")
	matrix(&b, served)
	b.WriteString("\n## Content\n\nParts of a user's message beside text. Addresses are fetched by the gateway as `fetch_urls` allows. " +
		"OpenAI-shaped providers get all parts; which of them a model reads is the server's affair.\n\n")
	contents(&b, translated)
	b.WriteByte('\n')
	contents(&b, served)
	b.WriteString("\n## Provider by provider\n")
	for i := range all {
		section(&b, &all[i])
	}
	return b.String()
}

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func head(b *strings.Builder, cells ...string) {
	row(b, cells...)
	row(b, slices.Repeat([]string{"---"}, len(cells))...)
}

func matrix(b *strings.Builder, columns []*Column) {
	cells := []string{"parameter"}
	for _, c := range columns {
		cells = append(cells, c.Name)
	}
	head(b, cells...)
	for _, param := range openai.Parameters() {
		cells = []string{"`" + param + "`"}
		for _, c := range columns {
			cells = append(cells, sign(c.Cell(param).Fate))
		}
		row(b, cells...)
	}
}

// contents is what becomes of content; servers that are alike in all are one.
func contents(b *strings.Builder, columns []*Column) {
	words := map[Handling]string{Unread: "400", Passed: "sent", Fetched: "fetched, sent as bytes"}
	kinds := Kinds()
	cells := []string{"provider"}
	for _, k := range kinds {
		cells = append(cells, k.Name)
	}
	head(b, cells...)
	var rows [][]string
	for _, c := range columns {
		cells := []string{c.Name}
		for i := range kinds {
			cells = append(cells, words[kinds[i].Handling(c)])
		}
		same := slices.IndexFunc(rows, func(r []string) bool { return slices.Equal(r[1:], cells[1:]) })
		if same >= 0 && c.Server != nil {
			rows[same][0] += ", " + c.Name
			continue
		}
		rows = append(rows, cells)
	}
	for _, cells := range rows {
		row(b, cells...)
	}
}

// section is what there is to say of one provider.
func section(b *strings.Builder, c *Column) {
	var rows [][]string
	var dropped []string
	for _, param := range openai.Parameters() {
		name, cell := "`"+param+"`", c.Cell(param)
		switch {
		case cell.Fate == Gateway:
		case cell.Fate == Refused:
			rows = append(rows, []string{name, sign(cell.Fate), cell.How + "; others are refused"})
		case cell.Fate == Dropped && cell.How != "" && c.Server == nil:
			rows = append(rows, []string{name, sign(cell.Fate), cell.How + "; others are dropped"})
		case cell.Fate == Dropped:
			dropped = append(dropped, name)
		case cell.How != "":
			rows = append(rows, []string{name, sign(cell.Fate), cell.How})
		}
	}
	notes := notesOf(c)
	if len(rows)+len(dropped)+len(notes) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n", c.Name)
	if len(rows) > 0 {
		b.WriteByte('\n')
		head(b, "parameter", "", "becomes")
		for _, cells := range rows {
			row(b, cells...)
		}
	}
	if len(dropped) > 0 {
		fmt.Fprintf(b, "\nDropped%s: %s.\n", why(c), strings.Join(dropped, ", "))
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, ""))
	}
}

// why is what a server's rules give as the reason to drop parameters.
func why(c *Column) string {
	if c.Server == nil {
		return ""
	}
	var notes []string
	for _, p := range c.Server.Params {
		if p.Drop && p.Models == "" && p.Note != "" && !slices.Contains(notes, p.Note) {
			notes = append(notes, p.Note)
		}
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", or ") + ")"
}

// notesOf gives a column's notes as a list, a topic an item.
func notesOf(c *Column) []string {
	var list []string
	for _, topic := range []string{tools, formats, reasoning, caching} {
		var says []string
		for _, n := range Notes() {
			if n.Topic == topic && slices.Contains(strings.Split(n.Columns, " | "), c.Name) {
				says = append(says, n.Says)
			}
		}
		if len(says) > 0 {
			list = append(list, fmt.Sprintf("- **%s.** %s\n", topic, strings.Join(says, " ")))
		}
	}
	return list
}
