package checkout

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// WebhookID names an endpoint of a partner: "whk_" and 37 characters.
type WebhookID string

// DeliveryID names the delivery of one event to one endpoint: "dlv_" and 37 characters.
type DeliveryID string

// WebhookID is the id of the endpoint that the call creates at the time given.
func (s Seed) WebhookID(at time.Time) WebhookID { return WebhookID(s.stamped("whk_", 0, at)) }

// DeliveryID is the id of the n-th delivery that the call makes.
func (s Seed) DeliveryID(n int, at time.Time) DeliveryID {
	return DeliveryID(s.stamped("dlv_", n, at))
}

// WebhookSecret is the randomness of the secret that the call makes.
func (s Seed) WebhookSecret() [32]byte { return s.derive("whsec", 0) }

// WebhookStatus tells whether events go to an endpoint.
type WebhookStatus string

// The statuses of an endpoint.
const (
	WebhookEnabled  WebhookStatus = "enabled"
	WebhookDisabled WebhookStatus = "disabled"
)

// Webhook is an endpoint of a partner that events go to (contract §4). Its secrets are sealed.
type Webhook struct {
	ID             WebhookID
	ProjectID      ProjectID
	URL            string
	Events         []string // names, or "*"
	Secret         []byte   // sealed
	OldSecrets     []byte   // sealed; each signs too for SecretOverlap after its rotation; nil: none
	Status         WebhookStatus
	DisabledReason string
	FailingSince   time.Time // zero: the last attempt succeeded, or there was none
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64
}

// AllEvents subscribes to every transaction.* event.
const AllEvents = "*"

// Wants tells whether the endpoint subscribes to the event: by name, or by "*", which means the transaction.* ones.
func (w *Webhook) Wants(t EventType) bool {
	if w.Status != WebhookEnabled {
		return false
	}
	return slices.Contains(w.Events, string(t)) ||
		(slices.Contains(w.Events, AllEvents) && strings.HasPrefix(string(t), "transaction."))
}

// The older names of two events, told to endpoints that subscribe by name; and the event of a test.
const (
	EventOrderCreated   EventType = "order.created"
	EventOrderCompleted EventType = "order.completed"
	EventTest           EventType = "webhook.test"
)

// OlderName is the older name of the event, or empty.
func (t EventType) OlderName() EventType {
	switch t {
	case EventPending:
		return EventOrderCreated
	case EventCompleted:
		return EventOrderCompleted
	default:
		return ""
	}
}

// EventTypes lists every event that an endpoint can subscribe to.
var EventTypes = []EventType{
	EventPending, EventProcessing, EventCompleted, EventFailed, EventCancelled, EventExpired, EventRefunded, EventLatePayment,
	EventOrderCreated, EventOrderCompleted, EventSessionCreated, EventSessionConfirmed, EventSessionCancelled, EventSessionExpired,
}

// SecretOverlap is how long a rotated secret signs beside the new one (contract §4).
const SecretOverlap = 24 * time.Hour

// Limits of webhooks that the contract leaves to us.
const (
	MaxWebhooks      = 100 // endpoints of a project
	MinSecretChars   = 16
	MaxSecretChars   = 255
	MaxWebhookURL    = 2048
	MaxResponseBytes = 2048 // of an answer, kept in the delivery log
	DeliveryTimeout  = 30 * time.Second
	DisableAfter     = 5 * 24 * time.Hour // of nothing but failures
)

// WebhookInput is the body of POST /v1/webhooks and PATCH /v1/webhooks/{id}; members are nil when absent.
type WebhookInput struct {
	Problems Problems
	URL      *string
	Events   *[]string
	Secret   *string
	Status   *string
}

const maxEventNames = 50

var secretForm = regexp.MustCompile(`^[\x21-\x7e]+$`)

// Check checks the members that are there; create tells which must be.
func (in *WebhookInput) Check(mode Mode, create bool) error {
	p := &in.Problems
	switch {
	case in.URL != nil:
		checkWebhookURL(p, *in.URL, mode)
	case create && !p.Has("url"):
		p.Add("url", "is required")
	}
	switch {
	case in.Events != nil:
		checkEvents(p, *in.Events)
	case create && !p.Has("events"):
		p.Add("events", `is required: event names, or ["*"]`)
	}
	if in.Secret != nil {
		if n := utf8.RuneCountInString(*in.Secret); n < MinSecretChars || n > MaxSecretChars || !secretForm.MatchString(*in.Secret) {
			p.Add("secret", "must have 16 to 255 printable ASCII characters without spaces")
		}
	}
	if in.Status != nil && *in.Status != string(WebhookEnabled) && *in.Status != string(WebhookDisabled) {
		p.Add("status", `must be "enabled" or "disabled"`)
	}
	return p.Err()
}

func checkEvents(p *Problems, names []string) {
	if len(names) == 0 {
		p.Add("events", `must name at least one event, or be ["*"]`)
	}
	if len(names) > maxEventNames {
		p.Add("events", "must name at most 50 events")
		return
	}
	for _, name := range names {
		if name != AllEvents && !slices.Contains(EventTypes, EventType(name)) {
			p.Add("events", "has "+quoted(name)+", which is not an event")
			return
		}
	}
}

func quoted(name string) string {
	if len(name) > 40 || !secretForm.MatchString(name) {
		return "a name"
	}
	return `"` + name + `"`
}

// numericHost is a host whose last label is a number: an IP address in disguise (octal, hexadecimal, one number), which
// resolvers read in different ways.
var numericHost = regexp.MustCompile(`(^|\.)(0[xX][0-9a-fA-F]*|[0-9]+)\.?$`)

func checkWebhookURL(p *Problems, raw string, mode Mode) {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > MaxWebhookURL:
		p.Add("url", "must have at most 2048 characters")
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || strings.ContainsAny(raw, " \x00"):
		p.Add("url", "must be an absolute http or https URL")
	case u.User != nil:
		p.Add("url", "must not hold a user name or password; verify the signature instead")
	case u.Fragment != "":
		p.Add("url", "must not have a fragment")
	case mode == ModeLive && u.Scheme != "https":
		p.Add("url", "must be an https URL in a live project")
	case !plainHost(u.Hostname()):
		p.Add("url", "has a host in a form that is read in different ways; write an ASCII name (xn--…) or a plain IP address")
	}
}

// plainHost refuses hosts that resolvers read in different ways: other than ASCII, numbers that are no IP address, or an
// address in a zone, which means something to one machine alone.
func plainHost(host string) bool {
	for _, r := range host {
		if r > unicode.MaxASCII {
			return false
		}
	}
	addr, err := netip.ParseAddr(host)
	return (err == nil && addr.Zone() == "") || (err != nil && !numericHost.MatchString(host))
}

// DeliveryStatus is where a delivery stands.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryFailed    DeliveryStatus = "failed"
)

// Delivery is the delivery of one event to one endpoint.
type Delivery struct {
	ID         DeliveryID
	ProjectID  ProjectID
	WebhookID  WebhookID
	EventID    EventID
	EventType  EventType
	OrderID    OrderID // deliveries of one order go one after the other
	Status     DeliveryStatus
	Attempts   int
	DueAt      time.Time // of the next attempt
	CreatedAt  time.Time
	FinishedAt time.Time
	LeaseOwner string
	LeaseUntil time.Time
	Body       []byte // of the event, where it is read to be sent
}

// Attempt is one attempt of a delivery, as the delivery log keeps it.
type Attempt struct {
	Number     int
	At         time.Time
	StatusCode int // 0: no answer
	Took       time.Duration
	Response   []byte // the first bytes of the answer
	Error      string
}

// Succeeded tells whether the receiver took the event.
func (a *Attempt) Succeeded() bool { return a.StatusCode >= 200 && a.StatusCode < 300 }
