package google

import (
	"context"
	"net/http"
	"time"

	"github.com/layergateway/layergateway/provider"
)

// Address gives the URL of the method that a call wants, and adds the credential
// to h. It is asked once the request is known to be fit to be sent.
type Address func(ctx context.Context, c *provider.Call, h http.Header) (url string, err error)

// service is what sets Google's services that speak the protocol apart.
type service struct {
	address Address
	// carried is what the service carries in another way than the table Carried
	// has it, or beside it.
	carried map[string]string
	// callIDs: function calls and their results carry ids. Where they do not, it
	// is their order that tells which result is whose.
	callIDs bool
	// mixedTools: from Gemini 3 on, functions and Google's own tools may stand
	// side by side.
	mixedTools bool
	// filesAPI: there are files that were uploaded to the Gemini API.
	filesAPI bool
	// tierHeader names the header of the service tier, empty where it is a
	// member of the body.
	tierHeader string
	// labels: the request's metadata becomes labels.
	labels bool
	// streamArguments: from Gemini 3 on, a stream has the arguments of a function
	// call in pieces if it is asked to.
	streamArguments bool
}

func geminiAPI() *service {
	return &service{address: geminiAddress, callIDs: true, mixedTools: true, filesAPI: true}
}

// NewVertex gives the constructor of chats with Vertex AI's Gemini models.
//
// How it differs:
// https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference,
// .../priority-paygo and .../flex-paygo beside it, and the converters of
// github.com/googleapis/js-genai.
func NewVertex(a Address) func() provider.Chat {
	s := &service{
		address: a, carried: CarriedByVertex,
		tierHeader: "X-Vertex-Ai-Llm-Shared-Request-Type", labels: true, streamArguments: true,
	}
	return func() provider.Chat { return &chat{service: s, now: time.Now} }
}
