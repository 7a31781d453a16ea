package app_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/vault"
)

// bare is a gateway that does nothing but describe itself and serve everything.
type bare struct {
	gateway.Gateway
	description gateway.Description
	refusal     error
}

func (b bare) Describe() gateway.Description { return b.description }

func (b bare) Check(*checkout.Order) error { return b.refusal }

// quoting quotes as its function does.
type quoting struct {
	bare
	quote func(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error)
}

func (q quoting) Quote(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
	return q.quote(ctx, r)
}

// listing serves what its function says.
type listing struct {
	bare
	list func(kind checkout.OrderType, country string) gateway.Catalogue
}

func (l listing) List(kind checkout.OrderType, country string) gateway.Catalogue {
	return l.list(kind, country)
}

func named(id string) bare {
	return bare{description: gateway.Description{ID: id, Name: strings.ToUpper(id), Modes: []checkout.Mode{checkout.ModeTest}, Sell: true}}
}

func amount(text string) money.Amount {
	a, err := money.Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

// price quotes the crypto amount for whatever is asked.
func price(id, crypto string) quoting {
	return quoting{named(id), func(_ context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
		return gateway.Quote{
			FiatAmount: r.Order.FiatAmount, CryptoAmount: amount(crypto), Rate: amount("4000"), PaymentMethod: "card", Serves: time.Minute,
			Fees: []gateway.Fee{{Type: gateway.FeeGateway, Amount: amount("1.10")}, {Type: gateway.FeeNetwork, Amount: amount("0.9")}},
		}, nil
	}}
}

// open makes an App of the gateways, over a database of its own, with one test project. It may be in a bubble of synctest.
func open(t *testing.T, p checkout.Project, gateways ...gateway.Gateway) (*app.App, checkout.ProjectID) {
	t.Helper()
	db := database(t)
	countries, err := geoip.Open("")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := vault.Parse(vault.Generate())
	if err != nil {
		t.Fatal(err)
	}
	a := app.New(app.Config{DB: db, Ring: ring, Countries: countries, Providers: gateway.Static(gateways...), PublicURL: "https://pay.example"})
	if p.Mode == "" {
		p.Mode = checkout.ModeTest
	}
	made, _, err := a.CreateProject(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return a, made.ID
}

func ptr[T any](v T) *T { return &v }

func question(id checkout.ProjectID, kind checkout.OrderType) *checkout.QuoteQuery {
	q := &checkout.QuoteQuery{FiatAmount: ptr("100.00"), FiatCurrency: ptr("usd"), CryptoCurrency: ptr("eth")}
	q.ProjectID, q.OrderType = ptr(string(id)), ptr(string(kind))
	return q
}

// told is the outcome in one line each: "gateway amount" of quotes, "gateway CODE" of failures.
func told(q *app.Quotes) (quotes, failures []string) {
	for i, one := range q.Quotes {
		text := one.Gateway.ID + " " + one.CryptoAmount.String()
		if one.BestRate {
			text += " best"
		}
		if one.BestRate != (i == 0) {
			text += " wrongly"
		}
		quotes = append(quotes, text)
	}
	for _, f := range q.Failures {
		failures = append(failures, f.Gateway+" "+string(f.Code))
	}
	return quotes, failures
}

func TestQuoteRanking(t *testing.T) {
	t.Parallel()
	perDollar := price("half", "0.02")
	perDollar.quote = func(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
		q, err := price("", "0.02").quote(ctx, r)
		q.FiatAmount = amount("50") // less crypto, for less fiat still
		return q, err
	}
	liveOnly := price("live", "9")
	liveOnly.description.Modes = []checkout.Mode{checkout.ModeLive}
	buyOnly := price("buyonly", "0.021")
	buyOnly.description.Sell = false
	gateways := []gateway.Gateway{price("low", "0.01"), price("twin", "0.030"), price("fine", "0.03"), buyOnly, liveOnly, perDollar}
	cases := []struct {
		name     string
		kind     checkout.OrderType
		standard string // the project's default gateway
		quotes   []string
		failures []string
	}{
		{"buy: most crypto", checkout.Buy, "", []string{"half 0.02 best", "twin 0.030", "fine 0.03", "buyonly 0.021", "low 0.01"}, nil},
		{"buy: of equal ones the default first", checkout.Buy, "fine", []string{"half 0.02 best", "fine 0.03", "twin 0.030", "buyonly 0.021", "low 0.01"}, nil},
		{"sell: least crypto", checkout.Sell, "", []string{"low 0.01 best", "twin 0.030", "fine 0.03", "half 0.02"}, []string{"buyonly INVALID_GATEWAY"}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, id := open(t, checkout.Project{DefaultGateway: tt.standard}, gateways...)
			call := a.NewCall(netip.Addr{})
			got, err := a.GetQuotes(t.Context(), call, question(id, tt.kind))
			if err != nil {
				t.Fatal(err)
			}
			quotes, failures := told(got)
			if !slices.Equal(quotes, tt.quotes) || !slices.Equal(failures, tt.failures) {
				t.Errorf("quotes %q, failures %q", quotes, failures)
			}
			first := got.Quotes[0]
			if first.TotalFees().String() != "2" || !first.ExpiresAt.Equal(call.Now.Add(time.Minute)) {
				t.Errorf("fees %s, expires %v", first.TotalFees(), first.ExpiresAt)
			}
		})
	}
}

// TestQuoteFailures: a gateway that fails, in whatever way, is listed; the others' quotes come, when the deadline is over at
// the latest.
func TestQuoteFailures(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		answering := func(id string, quote func(context.Context, gateway.QuoteRequest) (gateway.Quote, error)) gateway.Gateway {
			return quoting{named(id), quote}
		}
		refusing := price("refusing", "1")
		refusing.refusal = checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is too much")
		a, id := open(t, checkout.Project{}, []gateway.Gateway{
			answering("failing", func(context.Context, gateway.QuoteRequest) (gateway.Quote, error) {
				return gateway.Quote{}, errors.New("inner secret")
			}),
			answering("blocking", func(ctx context.Context, _ gateway.QuoteRequest) (gateway.Quote, error) {
				<-ctx.Done()
				return gateway.Quote{}, ctx.Err()
			}),
			answering("deaf", func(context.Context, gateway.QuoteRequest) (gateway.Quote, error) {
				<-release
				return gateway.Quote{}, nil
			}),
			answering("panicking", func(context.Context, gateway.QuoteRequest) (gateway.Quote, error) { panic("inner secret") }),
			answering("empty", func(context.Context, gateway.QuoteRequest) (gateway.Quote, error) { return gateway.Quote{}, nil }),
			answering("spoiling", func(_ context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
				r.Order.FiatAmount = money.Amount{}
				return gateway.Quote{}, checkout.Fail(checkout.CodeInvalidCurrency, "Not that one.")
			}),
			refusing,
			named("silent"),
			answering("slow", func(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
				select {
				case <-time.After(app.QuoteTimeout - time.Millisecond):
				case <-ctx.Done():
				}
				return price("", "0.02").quote(ctx, r)
			}),
			price("quick", "0.01"),
		}...)
		begun := time.Now()
		got, err := a.GetQuotes(t.Context(), a.NewCall(netip.Addr{}), question(id, checkout.Buy))
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != app.QuoteTimeout {
			t.Errorf("took %v", took)
		}
		quotes, failures := told(got)
		if want := []string{"slow 0.02 best", "quick 0.01"}; !slices.Equal(quotes, want) {
			t.Errorf("quotes %q, want %q", quotes, want)
		}
		want := []string{
			"failing GATEWAY_UNAVAILABLE", "blocking GATEWAY_UNAVAILABLE", "deaf GATEWAY_UNAVAILABLE", "panicking GATEWAY_UNAVAILABLE",
			"empty GATEWAY_UNAVAILABLE", "spoiling INVALID_CURRENCY", "refusing INVALID_AMOUNT", "silent INVALID_GATEWAY",
		}
		if !slices.Equal(failures, want) {
			t.Errorf("failures %q, want %q", failures, want)
		}
		for _, f := range got.Failures {
			unavailable := f.Code == checkout.CodeGatewayUnavailable
			if f.Eligible != (unavailable || f.Gateway == "silent") {
				t.Errorf("%s: may take the order all the same: %v", f.Gateway, f.Eligible)
			}
			if strings.Contains(f.Message, "secret") || (f.Cause != nil) != unavailable {
				t.Errorf("%s: %q because %v", f.Gateway, f.Message, f.Cause)
			}
		}
		close(release)
		synctest.Wait()
	})
}

// TestQuoteDeadlineOfCaller: a caller with less patience gets what there is by then; one who leaves gets nothing.
func TestQuoteDeadlineOfCaller(t *testing.T) {
	t.Parallel()
	onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		blocking := quoting{named("blocking"), func(ctx context.Context, _ gateway.QuoteRequest) (gateway.Quote, error) {
			<-ctx.Done()
			return gateway.Quote{}, ctx.Err()
		}}
		a, id := open(t, checkout.Project{}, blocking, price("quick", "0.01"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		got, err := a.GetQuotes(ctx, a.NewCall(netip.Addr{}), question(id, checkout.Buy))
		if took := time.Since(begun); err != nil || took != time.Second {
			t.Fatalf("after %v: %v", took, err)
		}
		if quotes, failures := told(got); len(quotes) != 1 || len(failures) != 1 {
			t.Errorf("quotes %q, failures %q", quotes, failures)
		}
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if got, err := a.GetQuotes(ctx, a.NewCall(netip.Addr{}), question(id, checkout.Buy)); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestQuoteCountry: a gateway is told the country asked about or, without one, that of the payer's address.
func TestQuoteCountry(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	a, id := open(t, checkout.Project{}, quoting{named("one"), func(ctx context.Context, r gateway.QuoteRequest) (gateway.Quote, error) {
		seen <- r.Order.Country + " " + r.Order.Network + " " + r.PaymentMethod + " " + r.Address.String()
		return price("", "1").quote(ctx, r)
	}})
	for _, tt := range []struct{ country, want string }{{"", "US ethereum card 8.8.8.8"}, {"de", "DE ethereum card 8.8.8.8"}} {
		q := question(id, checkout.Buy)
		q.PaymentMethod = ptr("card")
		if tt.country != "" {
			q.Country = &tt.country
		}
		if _, err := a.GetQuotes(t.Context(), a.NewCall(netip.MustParseAddr("8.8.8.8")), q); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestSupportedTogether(t *testing.T) {
	t.Parallel()
	euro := gateway.Catalogue{
		Fiats: []gateway.Fiat{{Currency: "EUR", Min: amount("10"), Max: amount("100"), Methods: []string{"card"}}},
		Assets: []gateway.Asset{{Code: "ETH", Networks: []gateway.AssetNetwork{
			{Network: "ethereum", Min: amount("0.1"), Max: amount("1")}, {Network: "base", Min: amount("0.1"), Max: amount("1")},
		}}},
		Methods: []gateway.PaymentMethod{{ID: "card", Name: "Card"}},
	}
	both := gateway.Catalogue{
		Fiats: []gateway.Fiat{
			{Currency: "USD", Methods: []string{"pix"}},
			{Currency: "EUR", Min: amount("5.0"), Max: amount("50"), Methods: []string{"pix", "card"}},
		},
		Assets: []gateway.Asset{
			{Code: "ETH", Networks: []gateway.AssetNetwork{{Network: "base", Min: amount("0.2")}}}, {Code: "BTC"},
		},
		Methods: []gateway.PaymentMethod{{ID: "pix", Name: "Pix"}, {ID: "card", Name: "Another name"}},
	}
	in := func(c gateway.Catalogue, countries ...string) func(checkout.OrderType, string) gateway.Catalogue {
		return func(_ checkout.OrderType, country string) gateway.Catalogue {
			if country != "" && !slices.Contains(countries, country) {
				return gateway.Catalogue{}
			}
			return c
		}
	}
	buyOnly := listing{named("buyonly"), in(both, "BR")}
	buyOnly.description.Sell = false
	gateways := []gateway.Gateway{listing{named("euro"), in(euro, "DE")}, buyOnly, named("mute")}
	cases := []struct {
		name, standard, country string
		kind                    checkout.OrderType
		enabled, def, fiats     string
		assets                  string
	}{
		{"all", "", "", checkout.Buy, "euro buyonly mute", "euro", "EUR 5.0–100 card+pix, USD – pix", "ETH ethereum 0.1–1 base 0.1–, BTC"},
		{"sell", "", "", checkout.Sell, "euro mute", "euro", "EUR 10–100 card", "ETH ethereum 0.1–1 base 0.1–1"},
		{"country", "", "BR", checkout.Buy, "buyonly mute", "buyonly", "USD – pix, EUR 5.0–50 pix+card", "ETH base 0.2–, BTC"},
		{"default elsewhere", "euro", "BR", checkout.Buy, "buyonly mute", "", "USD – pix, EUR 5.0–50 pix+card", "ETH base 0.2–, BTC"},
		{"auto", "auto", "US", checkout.Buy, "mute", "mute", "", ""},
		{"named", "mute", "", checkout.Buy, "euro buyonly mute", "mute", "EUR 5.0–100 card+pix, USD – pix", "ETH ethereum 0.1–1 base 0.1–, BTC"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, id := open(t, checkout.Project{DefaultGateway: tt.standard}, gateways...)
			q := &checkout.PublicQuery{ProjectID: ptr(string(id)), OrderType: ptr(string(tt.kind))}
			if tt.country != "" {
				q.Country = &tt.country
			}
			got, err := a.GetSupported(t.Context(), a.NewCall(netip.Addr{}), q)
			if err != nil {
				t.Fatal(err)
			}
			enabled, fiats, assets := inWords(got)
			if enabled != tt.enabled || got.DefaultGateway != tt.def || fiats != tt.fiats || assets != tt.assets || len(got.Gateways) != 3 {
				t.Errorf("enabled %q, default %q\nfiats %q\nassets %q", enabled, got.DefaultGateway, fiats, assets)
			}
		})
	}
	t.Cleanup(func() {
		if len(euro.Fiats[0].Methods) != 1 || both.Fiats[1].Min.String() != "5.0" || euro.Assets[0].Networks[1].Max.String() != "1" {
			t.Error("a gateway's catalogue was changed")
		}
	})
}

func inWords(s *app.Supported) (enabled, fiats, assets string) {
	var on, money, coins []string
	for _, g := range s.Gateways {
		if g.Enabled {
			on = append(on, g.ID)
		}
	}
	for _, f := range s.Fiats {
		money = append(money, f.Currency+" "+f.Min.String()+"–"+f.Max.String()+" "+strings.Join(f.Methods, "+"))
	}
	for _, a := range s.Assets {
		text := a.Code
		for _, n := range a.Networks {
			text += " " + n.Network + " " + n.Min.String() + "–" + n.Max.String()
		}
		coins = append(coins, text)
	}
	return strings.Join(on, " "), strings.Join(money, ", "), strings.Join(coins, ", ")
}

// TestPublicTenancy: a project without a key is found by its id alone, and an order only in its own project.
func TestPublicTenancy(t *testing.T) {
	t.Parallel()
	a, id := open(t, checkout.Project{}, price("one", "1"))
	const other = "6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11"
	call := a.NewCall(netip.Addr{})
	if _, err := a.GetSupported(t.Context(), call, &checkout.PublicQuery{ProjectID: ptr(other)}); checkout.CodeOf(err) != checkout.CodeNotFound {
		t.Errorf("supported: %v", err)
	}
	if _, err := a.GetQuotes(t.Context(), call, question(other, checkout.Buy)); checkout.CodeOf(err) != checkout.CodeNotFound {
		t.Errorf("quotes: %v", err)
	}
	if _, err := a.GetTransaction(t.Context(), call, "ord_none", &checkout.PublicQuery{ProjectID: ptr(other)}); checkout.CodeOf(err) != checkout.CodeTransactionNotFound {
		t.Errorf("transaction: %v", err)
	}
	if _, err := a.GetTransaction(t.Context(), call, "ord_none", &checkout.PublicQuery{ProjectID: ptr(string(id))}); checkout.CodeOf(err) != checkout.CodeTransactionNotFound {
		t.Errorf("transaction: %v", err)
	}
}
