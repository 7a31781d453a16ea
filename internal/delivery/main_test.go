package delivery_test

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for retries far more than they compute.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(sliproadtest.Main(m, nil))
}

// awaitMost is how long anything may take: the first retry comes after 5 s, and the machine may be busy. On PostgreSQL a killed
// node may only be slow, as far as others can tell, so that its deliveries are taken over after their lease, a minute.
func awaitMost() time.Duration {
	if sliproadtest.OnPostgres() {
		return 75 * time.Second
	}
	return 30 * time.Second
}

// await polls until the condition holds; it tells whether it came to hold.
func await(holds func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(awaitMost()); ; <-tick.C {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// must ends the test where the call has failed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// keys are those of a project, as `project create --json` shows them.
type keys struct{ ProjectID, SecretKey, PublicKey string }

func newProject(t *testing.T, s *sliproadtest.Server, mode string) keys {
	t.Helper()
	out := s.Command("project", "create", "--name", mode, "--mode", mode, "--json")
	var k keys
	if err := json.Unmarshal([]byte(out.Stdout), &k); err != nil || out.Code != 0 || k.SecretKey == "" {
		t.Fatalf("project create: %+v %v", out, err)
	}
	return k
}

// newOrder makes a session and its order.
func newOrder(t *testing.T, c *sliproadtest.Client) *api.CreatedOrder {
	t.Helper()
	session := must(c.CreateSession(t.Context(), api.CreateSessionRequest{
		ExternalCustomerID: "payer-1", SourceAmount: "100.00", SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
		DestinationAddress: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Metadata: json.RawMessage(`{"cart":"<4711> & é"}`),
	}))(t)
	return must(c.CreateOrder(t.Context(), session.ID, api.CreateOrderRequest{
		ClientSecret: session.Attributes.ClientSecret, FiatAmount: "100.00", CryptoCurrency: "ETH", Network: "ethereum",
		Email: "payer@example.com",
	}))(t)
}

// move has the sandbox tell that the order has got the status, and returns the order as it is then.
func move(t *testing.T, c *sliproadtest.Client, order, status string) *api.Order {
	t.Helper()
	return must(c.SimulateOrder(t.Context(), order, api.SimulateOrderRequest{Status: status}))(t)
}

// events are all events of the project, the newest first.
func events(t *testing.T, c *sliproadtest.Client, p api.ListEventsParams) []*api.Event {
	t.Helper()
	var all []*api.Event
	for e, err := range c.Events(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// deliveries are those of the event, the newest first.
func deliveries(t *testing.T, c *sliproadtest.Client, event string) []api.DeliveryAttributes {
	t.Helper()
	var all []api.DeliveryAttributes
	for d, err := range c.Deliveries(t.Context(), event, api.PageParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d.Attributes)
	}
	return all
}

// logged waits for the event's delivery to the endpoint to be as wanted, and returns it.
func logged(t *testing.T, c *sliproadtest.Client, event, webhook string, wanted func(api.DeliveryAttributes) bool) api.DeliveryAttributes {
	t.Helper()
	var last api.DeliveryAttributes
	if !await(func() bool {
		for _, d := range deliveries(t, c, event) {
			if d.WebhookID == webhook {
				last = d
				return wanted(d)
			}
		}
		return false
	}) {
		text, _ := json.Marshal(last)
		t.Fatalf("the delivery of %s to %s is not as wanted: %s", event, webhook, text)
	}
	return last
}

func tried(d api.DeliveryAttributes) bool     { return len(d.Attempts) > 0 }
func delivered(d api.DeliveryAttributes) bool { return d.Status == "delivered" }

// refused wants the answer to be an error of the code, about exactly the members given, and tells whether it is.
func refused(t *testing.T, a sliproadtest.Answer, status int, code string, fields ...string) bool {
	t.Helper()
	var body api.ErrorEnvelope
	if err := json.Unmarshal(a.Body, &body); err != nil || a.Status != status || body.Error.Code != code {
		t.Errorf("got %v, want %d %s", a, status, code)
		return false
	}
	named := map[string]bool{}
	for _, d := range body.Error.Details {
		named[d.Field] = true
	}
	want := map[string]bool{}
	for _, f := range fields {
		want[f] = true
	}
	if !maps.Equal(named, want) && (status == http.StatusBadRequest || len(fields) > 0) {
		t.Errorf("got %v, want details on %v only", a, fields)
		return false
	}
	return true
}
