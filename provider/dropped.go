package provider

// Dropped gathers the parameters that a translation has no equivalent for, each
// once. A request can make the list as long as itself.
type Dropped struct {
	names []string
	seen  map[string]bool
}

// Add notes a parameter, or a part of one as a dotted name.
func (d *Dropped) Add(name string) {
	if d.seen[name] {
		return
	}
	if d.seen == nil {
		d.seen = make(map[string]bool)
	}
	d.seen[name] = true
	d.names = append(d.names, name)
}

// Names lists what was added, in its order.
func (d *Dropped) Names() []string { return d.names }
