package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// sumTable is one of the tables of sums.
type sumTable struct {
	name  string
	width time.Duration // of a bucket
	// key are the columns that tell sums of a bucket apart; keysOf has their
	// values for what a group of rows adds to.
	key    []string
	keysOf func(group sumKey) []sumKey
}

// sumKey is as many values as a table's key has columns.
type sumKey [7]string

// The kinds of totals.
const (
	kindGate  = "gate"
	kindKey   = "key"
	kindModel = "model" // whose id is its provider

	// anyKind holds for all totals. It is for the database to see that it can use their
	// index, which begins with the kind, to find those of a time.
	anyKind = "kind IN ('" + kindGate + "', '" + kindKey + "', '" + kindModel + "')"
)

// sumTables are all of them. The totals are the last, as they are what two
// writers are most likely to wait for each other at.
var sumTables = func() []sumTable {
	groups := []string{"gate_id", "gate", "key_id", "key", "provider", "model", "outcome"}
	totals := []string{"kind", "id", "name"}
	return []sumTable{
		{"hours", hour, groups, groupOf}, {"days", day, groups, groupOf},
		{"hour_totals", hour, totals, totalsOf}, {"day_totals", day, totals, totalsOf},
	}
}()

func groupOf(group sumKey) []sumKey { return []sumKey{group} }

func totalsOf(group sumKey) []sumKey {
	gateID, gate, keyID, key, provider, model := group[0], group[1], group[2], group[3], group[4], group[5]
	return []sumKey{{kindGate, gateID, gate}, {kindKey, keyID, key}, {kindModel, provider, model}}
}

// sumPlace is where a table has one row of sums.
type sumPlace struct {
	bucket int64
	key    sumKey
}

func comparePlaces(a, b sumPlace) int {
	return cmp.Or(cmp.Compare(a.bucket, b.bucket), slices.Compare(a.key[:], b.key[:]))
}

// placedSums are sums by where they belong.
type placedSums map[sumPlace]*sumValues

func (s placedSums) add(at sumPlace, v *sumValues) {
	sums := s[at]
	if sums == nil {
		sums = new(sumValues)
		s[at] = sums
	}
	sums.add(v)
}

// sorted are the places in an order that keeps two writers from waiting for each
// other.
func (s placedSums) sorted() []sumPlace { return slices.SortedFunc(maps.Keys(s), comparePlaces) }

// groupRows are the sums of rows by hour and whatever a table tells apart.
func groupRows(entries []*entry) placedSums {
	groups := placedSums{}
	for _, e := range entries {
		r := &e.row
		v := sumsOf(r)
		groups.add(sumPlace{bucket(r.Start, hour), sumKey{r.GateID, r.Gate, r.KeyID, r.Key, r.Provider, r.Model, r.Outcome}}, &v)
	}
	return groups
}

// sumsOf is what groups of rows add to the table.
func (t *sumTable) sumsOf(groups placedSums) placedSums {
	sums := placedSums{}
	for at, v := range groups {
		for _, key := range t.keysOf(at.key) {
			sums.add(sumPlace{floorDiv(at.bucket, int64(t.width/hour)), key}, v)
		}
	}
	return sums
}

// columns are all of the table.
func (t *sumTable) columns() string {
	return "bucket, " + strings.Join(t.key, ", ") + ", " + strings.Join(sumColumns(), ", ")
}

// addSQL adds to rows of sums, which may not be there yet; rows says where they
// come from.
func (t *sumTable) addSQL(rows string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.name + " (" + t.columns() + ") " + rows +
		" ON CONFLICT (bucket, " + strings.Join(t.key, ", ") + ") DO UPDATE SET ")
	for i, name := range sumColumns() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " = " + t.name + "." + name + " + excluded." + name)
	}
	return b.String()
}
