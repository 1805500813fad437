package layergateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/layergateway/layergateway/command"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "layer",
		Usage: "<command>",
		Short: "Makes keys, tries gates, and looks into the books of layer_gateway",
		Long: `
Commands around layer_gateway, the LLM gateway.

They exit with 0 if all is well, with 1 if what they looked at is not (a bill that
differs, a mistake in a file, a request that was refused), with 2 if they could not
do their work, and with 130 when Ctrl-C ended an answer.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = noCommand
			cmd.SetFlagErrorFunc(misused)
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			cmd.AddCommand(keyCommand(), chatCommand(), explainCommand(), costCommand(), gatesCommand(), logsCommand())
		},
	})
}

// action is what a command does with its arguments. ctx ends with Ctrl-C.
type action func(ctx context.Context, s command.Streams, args []string) error

// runs gives a command its work, and the process its exit code.
func runs(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
		s := command.Streams{
			In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr(),
			InTerminal: term.IsTerminal(int(os.Stdin.Fd())), OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
			ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("NO_COLOR") == "",
		}
		err := do(ctx, s, args)
		code, tell := command.ExitCode(err)
		if tell {
			fmt.Fprintln(s.Err, "Error:", err)
		}
		if code == 0 {
			return nil
		}
		return exits(cmd, code)
	}
}

// exits ends a command with an exit code, when all has been told.
func exits(cmd *cobra.Command, code int) error {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if code == 1 {
		return errors.New("exit code 1")
	}
	// Caddy's own way to an exit code.
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// newCommand is a command with what all of them have in common.
func newCommand(use, short, long, example string, args cobra.PositionalArgs, do action) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: strings.TrimSpace(long), Example: strings.Trim(example, "\n"),
		Args: args, RunE: runs(do), SilenceUsage: true,
	}
}

func keyCommand() *cobra.Command {
	var o command.KeyOptions
	cmd := newCommand("key [--name <name>] [--json]", "Makes a client key",
		`
Makes a client key, and prints it with its hash. The configuration needs the hash
alone, so that nobody who reads it can come in. Nothing is stored anywhere.
`, `
  $ caddy layer key --name web
  $ caddy layer key --json
`, takesNone, func(_ context.Context, s command.Streams, _ []string) error { return command.Key(s, o) })
	cmd.Flags().StringVar(&o.Name, "name", "", "What the log will call the key")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Print key and hash as JSON")
	return cmd
}

func chatCommand() *cobra.Command {
	var o command.ChatOptions
	var from configFlags
	cmd := newCommand("chat <gate> [<message...>]", "Says something to a gate of a running gateway",
		`
Sends a message to a gate and prints the answer as it comes; then, on the standard
error, which model gave it, its tokens, what it cost, and how long it took.

Without a message, it reads one from the standard input; in a terminal, each line
is a message of one conversation, in which Ctrl-C ends an answer, and at the prompt
the conversation. The word - stands for the standard input.

The key comes from --key or LAYER_API_KEY. Where the gateway is comes from --url, or
from the configuration; else it is `+command.DefaultURL+`.
`, `
  $ caddy layer chat assistant "Why is the sky blue?"
  $ caddy layer chat assistant
  $ caddy layer chat assistant "Summarize this:" - < report.txt
  $ caddy layer chat assistant --image photo.jpg "What is this?"
  $ caddy layer chat assistant --model openai/gpt-4o-mini --json Hello
`, takesSome, func(ctx context.Context, s command.Streams, args []string) error {
			o.Gate, o.Words = args[0], args[1:]
			if o.Key == "" {
				o.Key = os.Getenv("LAYER_API_KEY")
			}
			if o.URL == "" {
				var err error
				if o.URL, err = from.url(); err != nil {
					return err
				}
			}
			o.Client = chatClient()
			if len(o.Words) == 0 && s.InTerminal {
				interrupts := make(chan os.Signal, 1)
				signal.Notify(interrupts, os.Interrupt)
				defer signal.Stop(interrupts)
				o.Interrupts = interrupts
				// Not the context of all commands, which Ctrl-C ends.
				var stop context.CancelFunc
				ctx, stop = signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
				defer stop()
			}
			return command.Chat(ctx, s, o)
		})
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "", "Where the gateway's API is, such as "+command.DefaultURL)
	f.StringVar(&o.Key, "key", "", "The client key; others on the machine may see it here, so better in LAYER_API_KEY")
	f.StringVar(&o.Model, "model", "", "A model to be asked in place of the gate's, if the gate allows it")
	f.StringVar(&o.System, "system", "", "A system prompt")
	f.StringVar(&o.Image, "image", "", "A file with an image, or its address")
	f.BoolVar(&o.JSON, "json", false, "Print the chunks as they come")
	f.BoolVar(&o.NoStream, "no-stream", false, "Wait for the whole answer")
	from.add(cmd)
	return cmd
}

func explainCommand() *cobra.Command {
	var o command.ExplainOptions
	var from configFlags
	var request, key string
	cmd := newCommand("explain <gate>", "Shows what a gate would do with a request, and sends nothing",
		`
Loads the configuration as 'caddy validate' does, with the gates and keys that were
made at run time where it has gates_store, takes a request the way that it
would take in the gateway, and prints: the models in their order, what would be sent
to each (without its credentials), what would be dropped or overridden, what it may
cost at worst, and what budgets say, by the ledger. Nothing is sent to anybody, and
nothing is reserved.
`, `
  $ caddy layer explain assistant
  $ caddy layer explain assistant --config /etc/caddy/Caddyfile --request request.json
  $ echo '{"messages": [{"role": "user", "content": "Hi"}], "n": 2}' | caddy layer explain assistant --request -
  $ caddy layer explain assistant --key web --json
`, takesOne, func(ctx context.Context, s command.Streams, args []string) error {
			o.Gate = args[0]
			if request != "" {
				var err error
				if o.Request, err = readInput(s, request); err != nil {
					return err
				}
			}
			return explain(ctx, s, &from, o, key)
		})
	cmd.Flags().StringVar(&request, "request", "", "A file with the request's JSON; - is the standard input. Default: a short message")
	cmd.Flags().StringVar(&key, "key", "", "The name of the client key whose limits are looked at. Default: none")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Print it as JSON")
	from.add(cmd)
	return cmd
}

func costCommand() *cobra.Command {
	var o command.CostOptions
	var from ledgerFlags
	var since string
	cmd := newCommand("cost", "Makes the bills in the ledger again, and shows those that differ",
		`
Makes each bill in the ledger again, of what the request used and of the price that
was stored with it, and prints each one that differs. The exit code is 1 if one does.
`, `
  $ caddy layer cost
  $ caddy layer cost --since 24h --json
  $ caddy layer cost --ledger /var/lib/caddy/.local/share/caddy/layer_gateway/ledger.db
  $ caddy layer cost --ledger postgres://gateway@localhost/layer
`, takesNone, func(ctx context.Context, s command.Streams, _ []string) error {
			l, done, from, err := from.open(ctx, since)
			if err != nil {
				return err
			}
			defer done()
			o.Since = from
			return command.Cost(ctx, s, l, o)
		})
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Print differences as lines of JSON")
	from.add(cmd, &since)
	return cmd
}

func logsCommand() *cobra.Command {
	var o command.LogsOptions
	var from ledgerFlags
	var since string
	cmd := newCommand("logs", "Shows the requests in the ledger",
		`
Shows the last requests in the ledger, the newest last: how each ended, gate, key,
the model that answered, tokens, cost (~ is an estimate), time to the first token and
in all. With -f it goes on with those that come, until Ctrl-C; a request that ran for
more than 15 minutes is not shown then.
`, `
  $ caddy layer logs
  $ caddy layer logs -f --gate assistant
  $ caddy layer logs --since 1h --outcome provider_error --limit 1000 --json
`, takesNone, func(ctx context.Context, s command.Streams, _ []string) error {
			l, done, from, err := from.open(ctx, since)
			if err != nil {
				return err
			}
			defer done()
			o.Since = from
			return command.Logs(ctx, s, l, o)
		})
	f := cmd.Flags()
	f.BoolVarP(&o.Follow, "follow", "f", false, "Go on with requests as they end")
	f.StringVar(&o.Gate, "gate", "", "Only this gate's, by its name or id")
	f.StringVar(&o.Key, "key", "", "Only this key's, by its name")
	f.StringVar(&o.Outcome, "outcome", "", "Only those with this outcome, such as ok or provider_error")
	f.IntVar(&o.Limit, "limit", 0, "How many, at most. Default: 50")
	f.BoolVar(&o.JSON, "json", false, "Print them as lines of JSON")
	from.add(cmd, &since)
	return cmd
}
