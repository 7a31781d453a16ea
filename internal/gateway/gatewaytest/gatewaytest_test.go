package gatewaytest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// sabotageEnv names what TestTeller's gateway does wrong; empty: nothing.
const sabotageEnv = "GATEWAYTEST_SABOTAGE"

// sabotages are things to do wrong, and the test of the suite that must notice.
var sabotages = map[string]string{
	"takes any signature":           "forged",
	"takes any time":                "forged",
	"takes any project":             "forged",
	"reads before it verifies":      "forged",
	"ends orders by unknown words":  "statuses",
	"mistakes a status":             "statuses",
	"has one key for all":           "replay",
	"shrugs at what it can't read":  "unreadable",
	"takes others' events for ours": "ignored",
	"checks no settings":            "settings",
	"repeats settings":              "settings",
	"leaves the amount open":        "checkouts",
	"sends no reference":            "checkouts",
	"forgets the address":           "address",
	"lists what it refuses":         "list",
	"lets all orders pass":          "check",
	"adds up wrong":                 "quotes",
	"tells faults to payers":        "faults",
	"tells secrets":                 "faults",
	"sees nothing in a fault":       "faults",
	"makes an URL of anything":      "faults",
	"ends orders when it is asked":  "poll",
	"never asks":                    "poll",
}

// TestSabotage runs TestTeller once for each sabotage, in a process of its own, and wants it to fail in the right place.
func TestSabotage(t *testing.T) {
	t.Parallel()
	for name, where := range sabotages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTeller$/^"+where+"$")
			command.Env = append(os.Environ(), sabotageEnv+"="+name)
			out, err := command.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "--- FAIL: TestTeller/"+where) {
				t.Errorf("nothing failed in %s: %v\n%s", where, err, out)
			}
		})
	}
}

const (
	project = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	secret  = "teller-secret-1"
	header  = "Teller-Signature"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// teller is a small gateway.
type teller struct {
	a      gateway.Account
	call   gatewaycall.Client
	does   string // the sabotage
	client *http.Client
}

func (p teller) Describe() gateway.Description {
	return gateway.Description{
		ID: "teller", Name: "Teller", Modes: []checkout.Mode{checkout.ModeTest}, PollEvery: time.Minute,
		Settings: []gateway.Setting{{Key: "key", Required: true, Secret: true, Help: "The key."}},
	}
}

func (p teller) Open(a gateway.Account) (gateway.Gateway, error) {
	if err := a.Settings.Check(p.Describe()); err != nil && p.does != "checks no settings" {
		return nil, err
	}
	if key := a.Settings["key"]; !strings.HasPrefix(key, "teller-") && p.does != "checks no settings" {
		message := "must begin with teller-"
		if p.does == "repeats settings" {
			message += ", not " + key
		}
		return nil, &gateway.SettingsError{Problems: []checkout.FieldError{{Field: "key", Message: message}}}
	}
	p.a, p.call = a, gatewaycall.Client{HTTP: p.client, Secrets: []string{a.Settings["key"]}}
	if p.does == "tells secrets" {
		p.call.Secrets = nil
	}
	return p, nil
}

func (p teller) List(checkout.OrderType, string) gateway.Catalogue {
	c := gateway.Catalogue{
		Fiats: []gateway.Fiat{{Currency: "USD", Min: amount("1"), Methods: []string{"card"}}}, Methods: []gateway.PaymentMethod{{ID: "card", Name: "Card"}},
		Assets: []gateway.Asset{{Code: "ETH", Networks: []gateway.AssetNetwork{{Network: "ethereum"}}}},
	}
	if p.does == "lists what it refuses" {
		c.Assets = append(c.Assets, gateway.Asset{Code: "BTC", Networks: []gateway.AssetNetwork{{Network: "bitcoin"}}})
	}
	return c
}

func (p teller) Check(o *checkout.Order) error {
	if p.does == "lets all orders pass" {
		return nil
	}
	p.does = ""
	c := p.List(o.Type, o.Country)
	return c.Check(o, "Teller", gateway.Limits{})
}

func (p teller) CreateCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

func (p teller) FindCheckout(context.Context, gateway.Request) (gateway.Checkout, error) {
	return gateway.Checkout{}, nil
}

func (p teller) post(ctx context.Context, path string, body, into any) error {
	return p.call.JSON(ctx, gatewaycall.Request{
		Method: http.MethodPost, URL: "https://teller.example" + path, Header: http.Header{"Teller-Key": {p.a.Settings["key"]}}, Body: body,
	}, into)
}

func (p teller) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	if !r.Address.IsValid() && p.does != "forgets the address" {
		return gateway.Checkout{}, errors.New("teller: no address")
	}
	body := map[string]any{"order": r.Order.ID, "amount": r.Order.FiatAmount, "address": r.Address.String()}
	switch p.does {
	case "leaves the amount open", "sends no reference", "forgets the address":
		delete(body, map[string]string{"leaves the amount open": "amount", "sends no reference": "order", "forgets the address": "address"}[p.does])
	}
	var answer struct{ URL string }
	if err := p.post(ctx, "/open", body, &answer); err != nil {
		return gateway.Checkout{}, err
	}
	if p.does == "makes an URL of anything" {
		answer.URL = "https://teller.example/" + answer.URL
	}
	if answer.URL == "" {
		return gateway.Checkout{}, errors.New("teller: no URL")
	}
	return gateway.Checkout{URL: answer.URL}, nil
}

func (p teller) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	var answer struct{ Crypto, Rate json.Number }
	if err := p.post(ctx, "/quote", map[string]any{"amount": r.Order.FiatAmount}, &answer); err != nil {
		if p.does == "tells faults to payers" {
			return gateway.Quote{}, checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is not served")
		}
		return gateway.Quote{}, err
	}
	crypto, err := gateway.Number(answer.Crypto)
	rate, rateErr := gateway.Number(answer.Rate)
	if err = errors.Join(err, rateErr); err != nil || !crypto.IsSet() || !rate.IsSet() {
		return gateway.Quote{}, fmt.Errorf("teller: no price: %w", err)
	}
	if p.does == "adds up wrong" {
		rate = amount("3000")
	}
	return gateway.Quote{FiatAmount: r.Order.FiatAmount, CryptoAmount: crypto, Rate: rate, PaymentMethod: "card", Serves: time.Minute}, nil
}

func (p teller) status(theirs string) checkout.OrderStatus {
	switch theirs {
	case "new":
		return checkout.OrderPending
	case "done":
		if p.does == "mistakes a status" {
			return checkout.OrderFailed
		}
		return checkout.OrderCompleted
	}
	if p.does == "ends orders by unknown words" {
		return checkout.OrderFailed
	}
	return checkout.OrderProcessing
}

type told struct{ ID, Order, Status string }

func (p teller) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	var answer told
	err := p.post(ctx, "/order/"+url.PathEscape(string(r.Order.ID)), nil, &answer)
	var refused *gatewaycall.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound, p.does == "never asks", err != nil && p.does == "sees nothing in a fault":
		return nil, nil
	case err != nil:
		return nil, err
	case answer.Order != string(r.Order.ID):
		return nil, errors.New("teller: another order")
	case p.does == "ends orders when it is asked":
		answer.Status = "done"
	}
	return []gateway.Update{{DedupKey: answer.ID, OrderID: r.Order.ID, Status: p.status(answer.Status)}}, nil
}

func sign(body []byte, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return strconv.FormatInt(at.Unix(), 10) + "," + hex.EncodeToString(mac.Sum(nil))
}

func (p teller) genuine(n gateway.Notification) bool {
	values := n.Header[header]
	if len(values) != 1 {
		return false
	}
	stamp, _, _ := strings.Cut(values[0], ",")
	unix, err := strconv.ParseInt(stamp, 10, 64)
	if p.does == "takes any signature" {
		return err == nil
	}
	near := n.Now.Sub(time.Unix(unix, 0)).Abs() <= time.Minute || p.does == "takes any time"
	return err == nil && near && hmac.Equal([]byte(values[0]), []byte(sign(n.Body, time.Unix(unix, 0)))) &&
		(n.ProjectID == p.a.ProjectID || p.does == "takes any project")
}

func (p teller) ParseNotification(_ context.Context, n gateway.Notification) ([]gateway.Update, error) {
	var t struct {
		told
		Type string
	}
	err := json.Unmarshal(n.Body, &t)
	if err != nil && p.does == "reads before it verifies" {
		return nil, gateway.ErrMalformed
	}
	switch {
	case !p.genuine(n):
		return nil, gateway.ErrForged
	case (err != nil || t.Order == "") && p.does == "shrugs at what it can't read":
		return nil, nil
	case err != nil || t.Order == "":
		return nil, gateway.ErrMalformed
	case t.Type != "order" && p.does != "takes others' events for ours":
		return nil, nil
	case p.does == "has one key for all":
		t.ID = "1"
	}
	return []gateway.Update{{DedupKey: t.ID, OrderID: checkout.OrderID(t.Order), Status: p.status(t.Status)}}, nil
}

func amount(text string) money.Amount {
	a, err := money.Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

func fake() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /open", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Order string }
		json.NewDecoder(r.Body).Decode(&body)
		fmt.Fprintf(w, `{"url":"https://teller.example/pay/%s"}`, body.Order)
	})
	mux.Handle("POST /quote", gatewaytest.Answer(200, `{"crypto":0.025,"rate":4000}`))
	mux.HandleFunc("POST /order/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":"1","order":%q,"status":"new"}`, r.PathValue("id"))
	})
	return mux
}

// TestTeller runs the suite on the small gateway.
func TestTeller(t *testing.T) {
	t.Parallel()
	does := os.Getenv(sabotageEnv)
	signed := func(body string, at time.Time) gateway.Notification {
		return gateway.Notification{ProjectID: project, Header: map[string][]string{header: {sign([]byte(body), at)}}, Body: []byte(body), Now: at}
	}
	refuse := func(code checkout.Code, field string, change func(o *checkout.Order)) gatewaytest.Refusal {
		return gatewaytest.Refusal{Name: field, Change: change, Code: code, Fields: []string{field}}
	}
	gatewaytest.Run(t, gatewaytest.Case{
		Remote: &gatewaytest.Remote{
			Provider: func(client *http.Client) gateway.Provider { return teller{client: client, does: does} }, Server: fake(),
			Account:   gateway.Account{ProjectID: project, Mode: checkout.ModeTest, Settings: gateway.Settings{"key": secret}},
			Malformed: map[string][]string{"key": {"another-secret"}}, Unregistered: true,
		},
		Order: checkout.Order{ID: "ord_01", ProjectID: project, Type: checkout.Buy, FiatAmount: amount("100.00"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum"},
		Refusals: []gatewaytest.Refusal{
			refuse(checkout.CodeInvalidCurrency, "cryptoCurrency", func(o *checkout.Order) { o.CryptoCurrency = "BTC" }),
			refuse(checkout.CodeInvalidNetwork, "network", func(o *checkout.Order) { o.Network = "base" }),
			refuse(checkout.CodeInvalidAmount, "fiatAmount", func(o *checkout.Order) { o.FiatAmount = amount("0.5") }),
		},
		Statuses: []gatewaytest.Status{{Theirs: "new", Ours: checkout.OrderPending}, {Theirs: "done", Ours: checkout.OrderCompleted}}, Unknown: "done-ish",
		Checkouts: []gatewaytest.Checkout{{
			Name: "buy", URL: "https://teller.example/pay/ord_01",
			Sent: []gatewaytest.Call{{
				Method: "POST", URL: "https://teller.example/open", Header: map[string]string{"Teller-Key": secret},
				Body: `{"address":"203.0.113.42","amount":"100.00","order":"ord_01"}`,
			}},
		}},
		NeedsAddress: true, BindsAddress: true,
		Quotes: []gatewaytest.Quote{
			{Name: "buy", Want: gateway.Quote{FiatAmount: amount("100.00"), CryptoAmount: amount("0.025"), Rate: amount("4000"), PaymentMethod: "card", Serves: time.Minute}},
			{Name: "refused", Failed: true, Server: gatewaytest.Answer(400, `{}`)},
		},
		Notify: func(o *checkout.Order, status, id string, at time.Time) gateway.Notification {
			return signed(fmt.Sprintf(`{"type":"order","id":"%s-%s","order":%q,"status":%q}`, id, status, o.ID, status), at)
		},
		Unreadable: func(*checkout.Order, time.Time) map[string]gateway.Notification {
			return map[string]gateway.Notification{"empty": signed("", now), "no order": signed(`{"type":"order"}`, now)}
		},
		Ignored: func(*checkout.Order, time.Time) map[string]gateway.Notification {
			return map[string]gateway.Notification{"news": signed(`{"type":"news","order":"ord_01","id":"1"}`, now)}
		},
		SignatureHeader: header, Tolerance: time.Minute, Now: now,
		Polled: func(_ *testing.T, o *checkout.Order, status string) http.Handler {
			return gatewaytest.Answer(200, fmt.Sprintf(`{"id":"p","order":%q,"status":%q}`, o.ID, status))
		},
		Unheard: gatewaytest.Answer(404, `{}`),
	})
}
