// Package estimate says how many tokens a request or an answer is likely to
// have, where no provider has said it yet or ever will: for admission, and for
// the bill of an answer that was cut off. A bill of any of these numbers is
// estimated.
package estimate

import "github.com/layergateway/layergateway/cost"

// Typical is the output tokens to expect where the request has no limit. Few
// answers of a chat are longer.
const Typical = 4096

// Complete fills in what a provider did not tell of an answer's usage. Cut says
// that the answer stopped, or was stopped, before its end: then the provider
// may have told some of the output, but not all. What is told of a whole answer
// stays as it is; input and output are asked for at most once, and only where
// needed. They are tokens, such as those of Input and Output.Tokens.
func Complete(u cost.Usage, cut bool, input, output func() int64) cost.Usage {
	if !u.Input.Known() {
		u.Input, u.Estimated = cost.Of(input()), true
	}
	if cut || !u.Output.Known() {
		u.Output, u.Estimated = cost.Of(max(output(), u.Output.N())), true
	}
	return u
}
