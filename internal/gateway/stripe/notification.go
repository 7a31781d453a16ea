package stripe

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

// SignatureHeader carries "t=UNIX,v1=HEX", with more than one v1 while secrets are rolled
// (https://docs.stripe.com/webhooks#verify-manually).
const SignatureHeader = "Stripe-Signature"

// ToleranceSeconds is how far a signature's time may be from ours, before or after.
const ToleranceSeconds = 300

// maxSignatures bounds them: there is one for each secret that is in use. Schemes other than v1 are ignored, as Stripe says.
const maxSignatures = 16

// eventType is the only event of sessions: there is none when one is created (https://docs.stripe.com/crypto/onramp/embedded).
const eventType = "crypto.onramp_session.updated"

// event is as much of an event as counts.
type event struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Livemode bool   `json:"livemode"`
	Account  string `json:"account"` // a connected one, whose event it is
	Data     struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// ParseNotification verifies the signature and its time before it reads anything. Other events, sessions that we didn't make,
// those of the other mode and those of connected accounts are none of ours.
func (a *account) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	signature := gateway.Stamped{
		Header: SignatureHeader, Scheme: "v1", Most: maxSignatures, Secrets: a.secrets, ToleranceSeconds: ToleranceSeconds,
	}
	if !signature.Holds(n) || n.ProjectID != a.ProjectID {
		return nil, gateway.ErrForged
	}
	var e event
	if err := json.Unmarshal(n.Body, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if e.ID == "" || e.Type == "" || !legible(e.ID) {
		return nil, fmt.Errorf("%w: id and type of an event are required", gateway.ErrMalformed)
	}
	if e.Type != eventType || e.Livemode != a.live || e.Account != "" {
		return nil, nil
	}
	var s session
	if err := json.Unmarshal(e.Data.Object, &s); err != nil {
		return nil, fmt.Errorf("%w: data.object: %w", gateway.ErrMalformed, err)
	}
	id := checkout.OrderID(s.Metadata[referenceKey])
	if id == "" && s.ID != "" {
		return nil, nil
	}
	u, err := a.update(&s, id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	u.DedupKey = e.ID
	return []gateway.Update{u}, nil
}
