package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/webhook"
)

type listenCommand struct {
	ForwardTo    string `required:"" placeholder:"URL" help:"Where to send the events, such as localhost:3000/webhooks."`
	connectFlags `embed:""`
	Events       []string `placeholder:"NAME" help:"Send these only; \"*\" means the transaction.* ones. Default: all there are."`
	Secret       string   `placeholder:"whsec_…" help:"Sign with this secret. Default: one made on the first start and kept in the state file."`
	Since        string   `placeholder:"evt_…|now|beginning" help:"Begin behind this event. Default: where the last run ended; the first begins now."`
	State        string   `placeholder:"FILE" help:"Where to remember how far it got. Default: listen.json in --data if that is there, else in $XDG_STATE_HOME/sliproad."`
	JSON         bool     `name:"json" help:"Print a line of JSON when ready and for each event; messages go to stderr."`
}

// Help is the longer text of --help.
func (listenCommand) Help() string {
	return `Each event is sent as a webhook endpoint would get it: the same body, freshly signed in both ways. After a lost
connection or a restart, listen goes on where it was: no event is left out and none is sent twice, unless listen is
killed in the instant between an answer and its note of it.

An answer other than 2xx, or none within 30 seconds, is tried again after 250ms, 1s and 2s. After that the event is
shown as skipped, and the next one follows; to have it again, start with --since and the event before it.

order.created and order.completed exist only while a webhook endpoint subscribes to them by name.`
}

var eventIDForm = regexp.MustCompile(`^evt_[0-9a-z]{1,60}$`)

// Validate checks the flags; the parser calls it.
func (c *listenCommand) Validate() error {
	if c.ForwardTo == "" {
		return nil // the parser tells
	}
	if !strings.Contains(c.ForwardTo, "://") {
		c.ForwardTo = "http://" + c.ForwardTo
	}
	u, err := url.Parse(c.ForwardTo)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return fmt.Errorf("--forward-to: %q is not a URL such as http://localhost:3000/webhooks", c.ForwardTo)
	}
	for _, name := range c.Events {
		known := name == checkout.AllEvents || name == string(checkout.EventTest)
		if !known && !slices.Contains(checkout.EventTypes, checkout.EventType(name)) {
			return fmt.Errorf("--events: there is no event %q; there are:\n%s", name, eventNames())
		}
	}
	if c.Secret != "" {
		in := checkout.WebhookInput{Secret: &c.Secret}
		if err := in.Check(checkout.ModeTest, false); err != nil {
			return errors.New("--secret: must have 16 to 255 printable ASCII characters without spaces")
		}
	}
	if c.Since != "" && c.Since != sinceNow && c.Since != sinceBeginning && !eventIDForm.MatchString(c.Since) {
		return fmt.Errorf("--since: %q is neither an event's id (evt_…) nor now nor beginning", c.Since)
	}
	return c.resolve()
}

func eventNames() string {
	var b strings.Builder
	for _, name := range checkout.EventTypes {
		b.WriteString("  " + string(name) + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

func (c *listenCommand) wants(kind string) bool {
	return len(c.Events) == 0 || slices.Contains(c.Events, kind) ||
		(slices.Contains(c.Events, checkout.AllEvents) && strings.HasPrefix(kind, "transaction."))
}

// connectFlags say which server a tool talks to, and with which key.
type connectFlags struct {
	URL  string `name:"url" env:"SLIPROAD_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Key  string `env:"SLIPROAD_SECRET_KEY" placeholder:"sk_…" help:"A secret key of the project. Default: the development server's, from --data."`
	Data string `env:"SLIPROAD_DATA" default:"./sliproad-data" placeholder:"DIR" help:"A development server's directory."`
}

func (f *connectFlags) resolve() error {
	var wrong settingsError
	if f.URL = wrong.url("--url (SLIPROAD_URL)", f.URL); len(wrong) > 0 {
		return errors.New(wrong[0])
	}
	if f.Key == "" {
		keys, err := readDevFileIfThere(f.Data)
		if errors.Is(err, os.ErrNotExist) {
			return errors.New("there is no key: give --key (SLIPROAD_SECRET_KEY), or --data with a development server's directory")
		}
		if err != nil {
			return err
		}
		f.Key = keys.SecretKey
	}
	if !strings.HasPrefix(f.Key, "sk_") {
		return errors.New("--key (SLIPROAD_SECRET_KEY): must be a secret key, sk_test_… or sk_live_…")
	}
	return nil
}

// Run forwards events until it is stopped.
func (c *listenCommand) Run(ctx context.Context, s streams) error {
	state, err := openListenState(c.statePath(), c.Key)
	if err != nil {
		return err
	}
	defer func() { _ = state.unlock() }()
	l := &listener{
		listenCommand: c, streams: s, log: eventLog{c.URL, c.Key, &http.Client{Timeout: 30 * time.Second}},
		local: egress.New(egress.AllowPrivate, checkout.DeliveryTimeout), state: state, secret: c.Secret,
	}
	if c.Since == "" {
		l.at = state.own.Position
	}
	if l.secret == "" {
		if state.own.Secret == "" {
			var random [32]byte
			_, _ = rand.Read(random[:])
			state.own.Secret = webhook.Secret(random)
		}
		l.secret = state.own.Secret
	}
	if err := state.save(); err != nil { // now, rather than after the first event, if it can't be written
		return err
	}
	if !c.JSON {
		if _, err := fmt.Fprintf(s.out, "Listening to %s, sending to %s\nYour webhook signing secret is %s\n", c.URL, c.ForwardTo, l.secret); err != nil {
			return err
		}
	}
	return l.run(ctx)
}

// The tempo of listen.
const (
	lookForEvents = time.Second     // between two looks at the event log
	maxReconnect  = 5 * time.Second // between two tries to reach the server
	forwardGrace  = 3 * time.Second // for an answer, once it is asked to stop
)

var forwardPauses = []time.Duration{250 * time.Millisecond, time.Second, 2 * time.Second}

type listener struct {
	*listenCommand
	streams
	log    eventLog
	local  *egress.Client
	state  *listenState
	secret string
	at     *listenPosition // nil: not known yet
	ready  bool
	lost   bool
}

func (l *listener) run(ctx context.Context) error {
	for failures := 0; ; {
		err := l.look(ctx)
		pause := lookForEvents
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // being stopped is no failure
		case err == nil && l.lost:
			l.lost, failures = false, 0
			l.tell("Connected to the server again.")
		case err == nil:
			failures = 0
		case !passing(err):
			return err
		default:
			pause = min(lookForEvents<<min(failures, 8)/2, maxReconnect)
			failures++
			if !l.lost {
				l.tell("The server can't be reached (%v); trying again until it can.", err)
			}
			l.lost = true
		}
		if !waitFor(ctx, pause) {
			return nil
		}
	}
}

func (l *listener) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(l.err, format+"\n", args...)
}

// waitFor tells whether the time passed before the context ended.
func waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// look sends what has happened since the last look.
func (l *listener) look(ctx context.Context) error {
	if l.at == nil {
		at, err := l.log.begin(ctx, cmp.Or(l.Since, sinceNow))
		if err != nil {
			return err
		}
		l.at = at
	}
	if !l.ready {
		l.state.own.Position = l.at
		if err := errors.Join(l.state.save(), l.announce()); err != nil {
			return err
		}
		l.ready = true
	}
	fresh, missing, err := l.log.since(ctx, l.at)
	if err != nil {
		return err
	}
	if missing > 0 {
		l.tell("%d events turned up with a time so old that they can't be told from those already handled.", missing)
	}
	for _, e := range fresh {
		if !l.wants(e.Attributes.Type) {
			l.at.add(e)
		} else if done, err := l.forward(ctx, e); err != nil || !done {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return l.state.save()
}

func (l *listener) announce() error {
	if l.JSON {
		return json.NewEncoder(l.out).Encode(struct {
			URL       string `json:"url"`
			ForwardTo string `json:"forwardTo"`
			Secret    string `json:"secret"`
			After     string `json:"after"` // the last event handled; empty: none
		}{l.URL, l.ForwardTo, l.secret, l.at.LastEventID})
	}
	from := "for the first event"
	if l.at.LastEventID != "" {
		from = "for what follows " + l.at.LastEventID
	}
	_, err := fmt.Fprintf(l.out, "Ready %s. Stop with Ctrl-C.\n\n", from)
	return err
}

// forward sends the event until it is taken, or the attempts are used up. It is not done where it was stopped before.
func (l *listener) forward(ctx context.Context, e *api.Event) (done bool, err error) {
	if e.Attributes.Payload == nil {
		if e, err = l.log.event(ctx, e.ID); err != nil {
			return false, err
		}
	}
	var seed checkout.Seed
	_, _ = rand.Read(seed[:])
	message := webhook.Message{
		EventID: checkout.EventID(e.ID), Type: checkout.EventType(e.Attributes.Type), DeliveryID: seed.DeliveryID(0, time.Now()),
		Body: e.Attributes.Payload, Secrets: []string{l.secret},
	}
	for n := 0; ; n++ {
		message.At = time.Now()
		status, err := l.post(ctx, message)
		f := forwarded{
			Time: message.At.UTC().Format(webhook.TimeForm), Event: e.Attributes.Type, EventID: e.ID, OrderID: e.Attributes.OrderID,
			SessionID: e.Attributes.SessionID, Status: status, Ms: time.Since(message.At).Milliseconds(), Attempts: n + 1,
		}
		if status >= 200 && status < 300 {
			return true, l.handled(e, f, message.At, "")
		}
		if ctx.Err() != nil {
			return false, nil //nolint:nilerr // being stopped is no failure
		}
		if err != nil && status == 0 {
			f.Error = plainError(err)
		}
		if n == len(forwardPauses) {
			f.Skipped = true
			return true, l.handled(e, f, message.At, "skipped after "+strconv.Itoa(n+1)+" attempts")
		}
		if !l.JSON {
			if err := l.report(f, message.At, "again in "+forwardPauses[n].String()); err != nil {
				return false, err
			}
		}
		if !waitFor(ctx, forwardPauses[n]) {
			return false, nil
		}
	}
}

// handled notes that the event is done with, and only then shows it.
func (l *listener) handled(e *api.Event, f forwarded, at time.Time, note string) error {
	l.at.add(e)
	if err := l.state.save(); err != nil {
		return err
	}
	return l.report(f, at, note)
}

// post makes one attempt. An end of the context leaves it a moment: what the receiver has taken would else be sent to it
// again on the next start.
func (l *listener) post(ctx context.Context, m webhook.Message) (status int, err error) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(forwardGrace, cancel) })()
	status, _, err = l.local.Post(sending, l.ForwardTo, m.Headers(), bytes.NewReader(m.Body), checkout.MaxResponseBytes)
	return status, err
}

func plainError(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the method and URL are known
	}
	return err.Error()
}

// forwarded is what became of an event.
type forwarded struct {
	Time      string  `json:"time"`
	Event     string  `json:"event"`
	EventID   string  `json:"eventId"`
	OrderID   *string `json:"orderId"`
	SessionID *string `json:"sessionId"`
	Status    int     `json:"status"` // 0: no answer
	Ms        int64   `json:"ms"`
	Attempts  int     `json:"attempts"`
	Skipped   bool    `json:"skipped"`
	Error     string  `json:"error,omitempty"`
}

func (l *listener) report(f forwarded, at time.Time, note string) error {
	if l.JSON {
		return json.NewEncoder(l.out).Encode(f)
	}
	about, status := "-", "---"
	if f.SessionID != nil {
		about = *f.SessionID
	}
	if f.OrderID != nil {
		about = *f.OrderID
	}
	if f.Status != 0 {
		status = strconv.Itoa(f.Status)
	}
	if f.Error != "" {
		note = f.Error + "; " + note
	}
	if note != "" {
		note = "  " + note
	}
	_, err := fmt.Fprintf(l.out, "%s  %-24s %s  %s  %4d ms  %s%s\n", at.Format("15:04:05.000"), f.Event, about, status, f.Ms, f.EventID, note)
	return err
}
