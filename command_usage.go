package layergateway

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layergateway/layergateway/command"
)

// What a command takes beside its flags.

func takesNone(cmd *cobra.Command, args []string) error { return takes(cmd, args, 0, 0) }

func takesOne(cmd *cobra.Command, args []string) error { return takes(cmd, args, 1, 1) }

func takesSome(cmd *cobra.Command, args []string) error { return takes(cmd, args, 1, len(args)) }

func takes(cmd *cobra.Command, args []string, least, most int) error {
	switch {
	case len(args) < least:
		return misused(cmd, fmt.Errorf("%s is missing", argument(cmd, len(args))))
	case len(args) > most:
		return misused(cmd, fmt.Errorf("%q is too much", args[most]))
	}
	return nil
}

// argument is what a command's usage calls an argument.
func argument(cmd *cobra.Command, i int) string {
	if words := strings.Fields(cmd.Use); i+1 < len(words) {
		return words[i+1]
	}
	return "something"
}

// noCommand refuses what is none of a command's own commands.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, one := range cmd.Commands() {
		names = append(names, one.Name())
	}
	return misused(cmd, fmt.Errorf("there is no command %q%s", args[0], suggest(args[0], names)))
}

// misused ends a command that was not called as it has to be, and says how that is.
func misused(cmd *cobra.Command, err error) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "Error: %v\nUsage: %s\nMore: %s --help\n", err, cmd.UseLine(), cmd.CommandPath())
	return exits(cmd, command.CodeFailed)
}
