package layergateway

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/spf13/cobra"

	"github.com/layergateway/layergateway/command"
	"github.com/layergateway/layergateway/gate"
)

func gatesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "gates <command>", Short: "Lists, checks and converts gates", Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(gatesListCommand(), gatesCheckCommand(), gatesConvertCommand())
	return cmd
}

func gatesListCommand() *cobra.Command {
	var from configFlags
	var asJSON bool
	cmd := newCommand("list", "Lists the gates of a configuration, its files and its store",
		`
Lists the gates that a configuration and its gates files have and, with gates_store,
those that were made while the gateway ran.
`, `
  $ caddy layer gates list
  $ caddy layer gates list --config /etc/caddy/Caddyfile --json
`, takesNone, func(ctx context.Context, s command.Streams, _ []string) error {
			made, done, err := from.open(ctx)
			if err != nil {
				return err
			}
			defer done()
			if made.unread != nil && made.serveStore() {
				fmt.Fprintln(s.Err, "Warning: what was made at run time is not known:", made.unread)
			}
			return command.GatesList(s, allGates(made.gateways), asJSON)
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print them as lines of JSON")
	from.add(cmd)
	return cmd
}

func allGates(gateways []*Gateway) iter.Seq[*gate.Gate] {
	return func(yield func(*gate.Gate) bool) {
		for _, g := range gateways {
			for one := range g.relay.Gates.All() {
				if !yield(one) {
					return
				}
			}
		}
	}
}

func gatesCheckCommand() *cobra.Command {
	var from configFlags
	cmd := newCommand("check <file...>", "Checks files with gates",
		`
Checks files with gates as the gateway does when it reads them, all of them together,
and prints each mistake with its file and line. The exit code is 1 if there is one.

With --config, models must also be of providers that the configuration has.
`, `
  $ caddy layer gates check gates/*.json
  $ caddy layer gates check --config Caddyfile new.json
`, takesSome, func(_ context.Context, s command.Streams, args []string) error {
			if from.path == "" {
				return command.GatesCheck(s, args, nil)
			}
			gateways, err := from.gateways()
			if err != nil {
				return err
			}
			return command.GatesCheck(s, args, gateways[0].relay.Resolve)
		})
	from.add(cmd)
	return cmd
}

func gatesConvertCommand() *cobra.Command {
	return newCommand("convert <layer.config.yaml>", "Makes a gates file of a layer.config.yaml",
		`
Prints the gates of a layer.config.yaml as JSON for 'gates_file'. Gates without an id
get one that follows from their name, and so is the same each time.
`, `
  $ caddy layer gates convert layer.config.yaml > gates/layer.json
`, takesOne, func(_ context.Context, s command.Streams, args []string) error {
			data, err := readInput(s, args[0])
			if err != nil {
				return err
			}
			return command.GatesConvert(s, args[0], data)
		})
}

// maxInput is how large a file is that a command reads as a whole.
const maxInput = 256 << 20

// readInput reads a file; - is the standard input.
func readInput(s command.Streams, path string) ([]byte, error) {
	in := s.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxInput>>20)
	}
	return data, nil
}
