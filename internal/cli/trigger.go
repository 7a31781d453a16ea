package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
)

type triggerCommand struct {
	Event        string `arg:"" help:"The event, such as transaction.completed."`
	Amount       string `placeholder:"100.00" help:"Fiat amount. Default: 100.00."`
	Currency     string `placeholder:"USD" help:"Fiat currency. Default: USD."`
	Crypto       string `placeholder:"ETH" help:"Crypto currency. Default: ETH."`
	Network      string `placeholder:"ethereum" help:"Network. Default: that of the crypto currency."`
	Address      string `placeholder:"0x…" help:"Wallet address. Default: a sample of the network's."`
	Customer     string `placeholder:"ID" help:"externalCustomerId of the session. Default: trigger."`
	Email        string `placeholder:"E" help:"The order's e-mail address."`
	Metadata     string `placeholder:"JSON" help:"The session's metadata, an object."`
	Type         string `placeholder:"onramp|offramp" help:"The session's type. Default: onramp."`
	Session      string `placeholder:"ID" help:"Use this session, which has no order yet; needs --client-secret."`
	ClientSecret string `placeholder:"S" help:"The clientSecret of --session."`
	Order        string `placeholder:"ID" help:"Use this order."`
	JSON         bool   `name:"json" help:"Print one line of JSON, at the end."`
	connectFlags `embed:""`
}

// Help is the longer text of --help.
func (triggerCommand) Help() string {
	return `Creates a session and an order, has the sandbox gateway report what leads to the event, and shows the event's id.
It needs a test project. The events:

` + eventNames() + `

order.created and order.completed happen together with transaction.pending and transaction.completed, and exist only
while a webhook endpoint subscribes to them by name.`
}

// kind is the event whose happening brings about the one asked for.
func (c *triggerCommand) kind() checkout.EventType {
	asked := checkout.EventType(c.Event)
	for _, e := range checkout.EventTypes {
		if e.OlderName() == asked && asked != "" {
			return e
		}
	}
	return asked
}

// Validate checks the flags; the parser calls it.
func (c *triggerCommand) Validate() error {
	if c.Event == "" {
		return nil // the parser tells
	}
	if !slices.Contains(checkout.EventTypes, checkout.EventType(c.Event)) {
		return fmt.Errorf("there is no event %q to trigger; there are:\n%s", c.Event, eventNames())
	}
	if c.Metadata != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.Metadata), &object); err != nil || object == nil {
			return fmt.Errorf("--metadata: %q is not a JSON object", c.Metadata)
		}
	}
	if c.Type != "" && c.Type != string(checkout.Onramp) && c.Type != string(checkout.Offramp) {
		return fmt.Errorf("--type: %q is neither onramp nor offramp", c.Type)
	}
	if err := c.validateTarget(); err != nil {
		return err
	}
	if err := c.resolve(); err != nil {
		return err
	}
	if !strings.HasPrefix(c.Key, "sk_test_") {
		return errors.New("--key (SLIPROAD_SECRET_KEY): is the key of a live project, where nothing can be simulated; give a test project's, sk_test_…")
	}
	return nil
}

// validateTarget refuses flags that would have no effect.
func (c *triggerCommand) validateTarget() error {
	kind := c.kind()
	ofSession := c.Customer + c.Metadata + c.Type
	ofOrder := c.Amount + c.Currency + c.Crypto + c.Network + c.Address + c.Email
	switch {
	case c.Order != "" && c.Session != "":
		return errors.New("--order and --session: give one of them")
	case c.Order != "" && !kind.OfOrder():
		return errors.New("--order: " + c.Event + " is an event of a session")
	case c.Order != "" && ofSession+ofOrder != "":
		return errors.New("--order: the order has its amount, its customer and the rest already; leave those flags out")
	case c.Session != "" && ofSession != "":
		return errors.New("--session: the session has its customer, metadata and type already; leave those flags out")
	case c.Session != "" && (kind == checkout.EventSessionCreated || kind == checkout.EventSessionExpired):
		return errors.New("--session: " + c.Event + " needs a session of its own")
	case c.Session != "" && c.ClientSecret == "" && kind != checkout.EventSessionCancelled:
		return errors.New("--session: needs the session's --client-secret")
	}
	return nil
}

const (
	eventPatience   = 5 * time.Second // for an event to be in the log: it is written with the change
	expiryPatience  = 20 * time.Second
	eventLookEvery  = 50 * time.Millisecond
	sessionEventsIn = 1000 // newest events of its type among which a session's is looked for
)

type triggering struct {
	*triggerCommand
	streams
	client *api.Client
	log    eventLog
	seen   map[string]bool // events that were there before
	result triggered
}

// triggered is what has come of it.
type triggered struct {
	Event         string  `json:"event"`
	EventID       string  `json:"eventId"`
	SessionID     string  `json:"sessionId"`
	SessionStatus string  `json:"sessionStatus,omitempty"`
	ClientSecret  string  `json:"clientSecret,omitempty"`
	OrderID       *string `json:"orderId"`
	OrderStatus   string  `json:"orderStatus,omitempty"`
	Note          string  `json:"note,omitempty"`
}

// Run makes the event happen.
func (c *triggerCommand) Run(ctx context.Context, s streams) error {
	transport := &http.Client{Timeout: time.Minute}
	t := &triggering{
		triggerCommand: c, streams: s, client: api.New(c.URL, c.Key, api.WithHTTPClient(transport), api.WithUserAgent("sliproad-cli")),
		log: eventLog{c.URL, c.Key, transport}, seen: map[string]bool{},
	}
	run := t.ofSession
	if c.kind().OfOrder() {
		run = t.ofOrder
	}
	if err := run(ctx); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(t.result)
	}
	if t.result.Note != "" {
		t.step("note", "%s", t.result.Note)
	}
	t.step("event", "%s  %s", t.result.EventID, t.result.Event)
	return nil
}

// step tells what was done.
func (t *triggering) step(what, format string, args ...any) {
	if !t.JSON {
		_, _ = fmt.Fprintf(t.out, "%-17s  %s\n", what, fmt.Sprintf(format, args...))
	}
}

// fill gives the flags that were left out the values of the session, or usual ones.
func (t *triggering) fill(s *api.SessionAttributes) error {
	t.Amount = cmp.Or(t.Amount, text(s.SourceAmount), "100.00")
	t.Currency = cmp.Or(t.Currency, text(s.SourceCurrency), "USD")
	t.Crypto = cmp.Or(t.Crypto, text(s.DestinationCurrency), "ETH")
	if t.Network = cmp.Or(t.Network, text(s.Network)); t.Network == "" {
		coin, ok := asset.LookupAsset(strings.ToUpper(t.Crypto))
		if !ok {
			return fmt.Errorf("--crypto: %q is not an asset of the sandbox", t.Crypto)
		}
		t.Network = coin.DefaultNetwork()
	}
	t.Address = cmp.Or(t.Address, text(s.DestinationAddress))
	if t.Address != "" || s.Type == string(checkout.Offramp) {
		return nil
	}
	network, ok := asset.LookupNetwork(strings.ToLower(t.Network))
	for _, sample := range sampleAddresses {
		if _, err := network.CheckAddress(sample); ok && err == nil {
			t.Address = sample
			return nil
		}
	}
	return fmt.Errorf("--address: is needed, because there is no sample of one on %s", t.Network)
}

// sampleAddresses are public examples: of an EVM chain, of BIP-173, a program of Solana, a token of TRON.
var sampleAddresses = []string{
	"0x742d35cc6634c0532925a3b844bc454e4438f44e", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
	"11111111111111111111111111111111", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// session creates the session, or reads the one that was named.
func (t *triggering) session(ctx context.Context, seconds int) (*api.Session, error) {
	if t.Session != "" {
		s, err := t.client.GetSession(ctx, t.Session)
		if err != nil {
			return nil, err
		}
		return s, t.fill(&s.Attributes)
	}
	if err := t.fill(&api.SessionAttributes{Type: t.Type}); err != nil {
		return nil, err
	}
	s, err := t.client.CreateSession(ctx, api.CreateSessionRequest{
		ExternalCustomerID: cmp.Or(t.Customer, "trigger"), Type: t.Type, SourceAmount: t.Amount, SourceCurrency: t.Currency,
		DestinationCurrency: t.Crypto, Network: t.Network, DestinationAddress: t.Address, Metadata: json.RawMessage(t.Metadata),
		ExpiresInSeconds: seconds,
	})
	if err != nil {
		return nil, err
	}
	t.ClientSecret = s.Attributes.ClientSecret
	t.step("session created", "%s  %s %s, %s on %s", s.ID, t.Amount, text(s.Attributes.SourceCurrency),
		text(s.Attributes.DestinationCurrency), text(s.Attributes.Network))
	for _, w := range s.Attributes.Warnings {
		t.step("warning", "%s %s", w.Field, w.Message)
	}
	return s, nil
}

func (t *triggering) ofSession(ctx context.Context) error {
	kind, seconds, patience := t.kind(), 0, eventPatience
	if kind == checkout.EventSessionExpired {
		seconds, patience = 1, expiryPatience
	}
	s, err := t.session(ctx, seconds)
	if err != nil {
		return err
	}
	mine := func(e *api.Event) bool { return text(e.Attributes.SessionID) == s.ID }
	if t.Session != "" {
		if err := t.notice(ctx, kind, mine); err != nil {
			return err
		}
	}
	switch kind {
	case checkout.EventSessionConfirmed:
		s, err = t.client.ConfirmSession(ctx, s.ID, api.ConfirmSessionRequest{ClientSecret: t.ClientSecret})
	case checkout.EventSessionCancelled:
		s, err = t.client.CancelSession(ctx, s.ID)
	case checkout.EventSessionExpired:
		t.step("waiting", "until it is expired")
	default:
	}
	if err != nil {
		return err
	}
	e, err := t.await(ctx, kind, patience, mine)
	if err != nil {
		return err
	}
	if s, err = t.client.GetSession(ctx, s.ID); err != nil {
		return err
	}
	t.step("session", "is %s", s.Attributes.Status)
	t.result = triggered{Event: e.Attributes.Type, EventID: e.ID, SessionID: s.ID, SessionStatus: s.Attributes.Status}
	if t.Session == "" && checkout.SessionStatus(s.Attributes.Status).Open() { // there is something to go on with
		t.result.ClientSecret = t.ClientSecret
		t.step("client secret", "%s", t.ClientSecret)
	}
	return nil
}

func (t *triggering) ofOrder(ctx context.Context) error {
	kind := t.kind()
	o, err := t.order(ctx)
	if err != nil {
		return err
	}
	mine := func(*api.Event) bool { return true }
	if t.Order != "" && kind != checkout.EventPending {
		if err := t.notice(ctx, kind, mine, "orderId", o.ID); err != nil {
			return err
		}
	}
	statuses, err := leadingTo(kind, checkout.OrderStatus(o.Attributes.Status))
	if err != nil {
		return fmt.Errorf("order %s %w", o.ID, err)
	}
	for _, status := range statuses {
		if o, err = t.client.SimulateOrder(ctx, o.ID, api.SimulateOrderRequest{Status: string(status)}); err != nil {
			return err
		}
		t.step("gateway reported", "%-10s  the order is %s", status, o.Attributes.Status)
		if o.Attributes.Status != string(status) && kind != checkout.EventLatePayment {
			return fmt.Errorf("order %s stayed %s: the report changed nothing", o.ID, o.Attributes.Status)
		}
	}
	e, err := t.await(ctx, kind, eventPatience, mine, "orderId", o.ID)
	if err != nil {
		return err
	}
	t.result = triggered{
		Event: e.Attributes.Type, EventID: e.ID, SessionID: o.Attributes.SessionID, OrderID: &o.ID, OrderStatus: o.Attributes.Status,
	}
	if t.Event == string(kind) {
		return nil
	}
	// The event under its older name was written with this one, or never will be.
	older, err := t.log.page(ctx, 1, "", "type", t.Event, "orderId", o.ID)
	if err != nil {
		return err
	}
	if len(older.Data) == 0 {
		t.result.Note = "no webhook endpoint subscribes to " + t.Event + " by name, so there is " + string(kind) + " alone"
		return nil
	}
	t.result.Event, t.result.EventID = t.Event, older.Data[0].ID
	return nil
}

// order creates the order, or reads the one that was named.
func (t *triggering) order(ctx context.Context) (*api.Order, error) {
	if t.Order != "" {
		return t.client.GetOrder(ctx, t.Order)
	}
	s, err := t.session(ctx, 0)
	if err != nil {
		return nil, err
	}
	made, err := t.client.CreateOrder(ctx, s.ID, api.CreateOrderRequest{
		ClientSecret: t.ClientSecret, FiatAmount: t.Amount, FiatCurrency: t.Currency, CryptoCurrency: t.Crypto, Network: t.Network,
		WalletAddress: t.Address, Email: t.Email, Gateway: sandbox.ID,
	})
	if err != nil {
		return nil, err
	}
	t.step("order created", "%s  %s", made.ID, made.Attributes.Checkout.URL)
	return t.client.GetOrder(ctx, made.ID)
}

// leadingTo says what the gateway has to report so that an order of the status brings about the event.
func leadingTo(kind checkout.EventType, status checkout.OrderStatus) ([]checkout.OrderStatus, error) {
	wanted := checkout.OrderStatus(strings.TrimPrefix(string(kind), "transaction."))
	var before checkout.OrderStatus
	switch kind {
	case checkout.EventPending:
		return nil, nil // told when the order was created
	case checkout.EventRefunded:
		before = checkout.OrderCompleted
		if status == checkout.OrderCancelled || status == checkout.OrderExpired {
			return []checkout.OrderStatus{wanted}, nil // a payment that came late can be given back
		}
	case checkout.EventLatePayment:
		before, wanted = checkout.OrderFailed, checkout.OrderCompleted
		if status == checkout.OrderCancelled || status == checkout.OrderExpired {
			return []checkout.OrderStatus{wanted}, nil
		}
		if status == checkout.OrderCompleted || status == checkout.OrderRefunded {
			return nil, fmt.Errorf("is %s: its payment can't be late any more", status)
		}
	default:
	}
	switch {
	case before != "" && status.CanBecome(before):
		return []checkout.OrderStatus{before, wanted}, nil
	case status.CanBecome(wanted) || status == before:
		return []checkout.OrderStatus{wanted}, nil
	}
	return nil, fmt.Errorf("is %s and can't become %s: statuses only move forward", status, wanted)
}

// find calls take with the events of the kind that are meant, newest first, until it has enough.
func (t *triggering) find(ctx context.Context, kind checkout.EventType, mine func(*api.Event) bool, take func(*api.Event) (more bool), filter ...string) error {
	filter = append([]string{"type", string(kind)}, filter...)
	for cursor, n := "", 0; n < sessionEventsIn; n += eventsPageSize {
		list, err := t.log.page(ctx, eventsPageSize, cursor, filter...)
		if err != nil {
			return err
		}
		for i := range list.Data {
			if mine(&list.Data[i]) && !take(&list.Data[i]) {
				return nil
			}
		}
		if list.Pagination.NextCursor == nil {
			return nil
		}
		cursor = *list.Pagination.NextCursor
	}
	return nil
}

// notice remembers the events that are there already.
func (t *triggering) notice(ctx context.Context, kind checkout.EventType, mine func(*api.Event) bool, filter ...string) error {
	return t.find(ctx, kind, mine, func(e *api.Event) bool { t.seen[e.ID] = true; return true }, filter...)
}

// await waits for the event, which was not there before.
func (t *triggering) await(ctx context.Context, kind checkout.EventType, patience time.Duration, mine func(*api.Event) bool, filter ...string) (*api.Event, error) {
	deadline := time.Now().Add(patience)
	for {
		var found *api.Event
		err := t.find(ctx, kind, mine, func(e *api.Event) bool {
			if !t.seen[e.ID] {
				found = e
			}
			return found == nil
		}, filter...)
		switch {
		case err != nil:
			return nil, err
		case found != nil:
			return found, nil
		case time.Now().After(deadline):
			return nil, fmt.Errorf("no new %s came within %s; whatever it tells of may have happened before", kind, patience)
		}
		if !waitFor(ctx, eventLookEvery) {
			return nil, ctx.Err()
		}
	}
}
