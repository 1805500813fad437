package bedrock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/layergateway/layergateway/provider"
)

// service is what requests are signed for.
const service = "bedrock"

var signer = v4.NewSigner()

// authorize puts the credential on a request: the key as a bearer token where
// there is one, else a signature.
func (c *chat) authorize(ctx context.Context, req *http.Request, call *provider.Call, body []byte) error {
	if call.Key != "" {
		req.Header.Set("Authorization", "Bearer "+call.Key)
		return nil
	}
	o := c.options
	if o.AccessKeyID == "" || o.SecretAccessKey == "" || o.Region == "" {
		return &provider.Error{Kind: provider.Auth, Message: fmt.Sprintf("the provider %s has no credentials: it needs an API key, or an access key with its secret and a region", call.Provider.Name)}
	}
	// What Amazon reads of the operator's own headers must be signed.
	for name, values := range call.Provider.Header {
		if strings.HasPrefix(name, "X-Amz") {
			req.Header[name] = values
		}
	}
	credentials := aws.Credentials{AccessKeyID: o.AccessKeyID, SecretAccessKey: o.SecretAccessKey, SessionToken: o.SessionToken}
	return sign(ctx, req, credentials, body, service, o.Region, o.Now())
}

// sign signs a request with Signature Version 4. The path in the signature is
// the one that is sent, with its escapes escaped again.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func sign(ctx context.Context, req *http.Request, credentials aws.Credentials, body []byte, service, region string, at time.Time) error {
	sum := sha256.Sum256(body)
	if err := signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), service, region, at); err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	return nil
}
