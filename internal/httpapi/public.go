package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

// publicEndpoints are the routes of contract §6, which need no key.
var publicEndpoints = []endpoint{
	{op: "getSupported", method: http.MethodGet, path: "/public/v1/onramp/supported", cors: true, limited: true, handle: getSupported},
	{op: "getQuotes", method: http.MethodGet, path: "/public/v1/onramp/quotes", cors: true, limited: true, handle: getQuotes},
	{op: "getTransaction", method: http.MethodGet, path: "/public/v1/onramp/transactions/{orderId}", cors: true, limited: true, handle: getTransaction},
}

// What caches may do with an answer.
const (
	cacheNever    = "no-store"
	cacheMinutes  = "public, max-age=300" // the same for everyone who asks the same
	cacheChecking = "no-cache"            // kept, but asked about before each use
)

func getSupported(s *Server, x *exchange) (int, any, error) {
	in := publicQuery(openToAll(x))
	rows, err := s.App.GetSupported(x.r.Context(), x.call, &in)
	if err != nil {
		return 0, nil, err
	}
	return x.cacheable(presentSupported(rows), cacheMinutes)
}

func getQuotes(s *Server, x *exchange) (int, any, error) {
	q := openToAll(x)
	in := &checkout.QuoteQuery{
		PublicQuery: publicQuery(q), FiatAmount: q.given("fiatAmount"), FiatCurrency: q.given("fiatCurrency"),
		CryptoCurrency: q.given("cryptoCurrency"), Network: q.given("network"), PaymentMethod: q.given("paymentMethod"),
	}
	rows, err := s.App.GetQuotes(x.r.Context(), x.call, in)
	if err != nil {
		return 0, nil, err
	}
	for _, f := range rows.Failures {
		if f.Cause != nil {
			s.Log.LogAttrs(x.r.Context(), slog.LevelWarn, "no quote", slog.String("requestId", x.requestID), slog.String("gateway", f.Gateway), slog.Any("error", f.Cause))
		}
	}
	return http.StatusOK, api.Public[api.Quotes]{Success: true, Data: presentQuotes(rows)}, nil
}

func getTransaction(s *Server, x *exchange) (int, any, error) {
	in := publicQuery(openToAll(x))
	row, err := s.App.GetTransaction(x.r.Context(), x.call, checkout.OrderID(x.inPath("orderId")), &in)
	if err != nil {
		return 0, nil, err
	}
	return x.cacheable(presentTransaction(row), cacheChecking)
}

// openToAll reads the query of a route without a key. Until something better is known of the answer it is not to be cached:
// by default a cache may keep a 404. Pages of any origin may read it, and it says so even if no page asked, since a cache may
// give it to one that does.
func openToAll(x *exchange) *query {
	x.w.Header().Set("Access-Control-Allow-Origin", "*")
	x.w.Header().Set("Cache-Control", cacheNever)
	return parseQuery(x.r)
}

func publicQuery(q *query) checkout.PublicQuery {
	return checkout.PublicQuery{
		Problems: q.Problems, ProjectID: q.given("projectId"), OrderType: q.given("orderType"), Country: q.given("country"),
	}
}

// given is the parameter's value, empty or not; nil where there is none.
func (q *query) given(name string) *string {
	if !q.values.Has(name) {
		return nil
	}
	value := q.values.Get(name)
	return &value
}

// cacheable is a successful answer with its strong ETag, or 304 for one who has it already (RFC 9110, section 13.1.2).
func (x *exchange) cacheable(data any, cacheControl string) (int, any, error) {
	answer, err := encode(api.Public[any]{Success: true, Data: data})
	if err != nil {
		return 0, nil, err
	}
	sum := sha256.Sum256(answer.bytes)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	header := x.w.Header()
	header.Set("Cache-Control", cacheControl)
	header.Set("Etag", etag)
	if hasETag(x.r.Header.Values("If-None-Match"), etag) {
		return http.StatusNotModified, stored{}, nil
	}
	return http.StatusOK, answer, nil
}

// hasETag tells whether the lists of tags, weak or strong, have this one. Ours hold no comma.
func hasETag(lists []string, etag string) bool {
	for _, list := range lists {
		for tag := range strings.SplitSeq(list, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}

func presentSupported(s *app.Supported) api.Supported {
	out := api.Supported{
		Gateways: []api.SupportedGateway{}, Fiats: []api.SupportedFiat{}, Cryptos: []api.SupportedCrypto{},
		PaymentMethods: []api.PaymentMethod{}, DefaultGateway: optional(s.DefaultGateway),
	}
	for _, g := range s.Gateways {
		out.Gateways = append(out.Gateways, api.SupportedGateway{
			ID: g.ID, Name: g.Name, Logo: optional(g.LogoURL), Enabled: g.Enabled,
			Features: api.GatewayFeatures{
				SupportsIframe: g.Iframe, SupportsWidget: g.Widget, SupportsBuy: true, SupportsSell: g.Sell,
				SupportsRecurring: g.Recurring, KYCHandledByProvider: g.KYC,
			},
		})
	}
	for _, f := range s.Fiats {
		one := api.SupportedFiat{
			Code: f.Currency, Name: f.Currency, Symbol: f.Currency, MinAmount: optional(f.Min.String()), MaxAmount: optional(f.Max.String()),
			PaymentMethods: append([]string{}, f.Methods...),
		}
		if currency, ok := money.LookupCurrency(f.Currency); ok {
			one.Name, one.Symbol, one.MinorUnits = currency.Name, currency.Symbol(), currency.MinorUnits
		}
		out.Fiats = append(out.Fiats, one)
	}
	for _, one := range s.Assets {
		out.Cryptos = append(out.Cryptos, presentCrypto(one))
	}
	for _, m := range s.Methods {
		one := api.PaymentMethod{ID: m.ID, Name: m.Name, SupportedFiats: []string{}}
		for _, f := range s.Fiats {
			if slices.Contains(f.Methods, m.ID) {
				one.SupportedFiats = append(one.SupportedFiats, f.Currency)
			}
		}
		out.PaymentMethods = append(out.PaymentMethods, one)
	}
	return out
}

// presentCrypto has the catalogue's default network as the default or, where no gateway serves that one, the first.
func presentCrypto(a gateway.Asset) api.SupportedCrypto {
	out := api.SupportedCrypto{Code: a.Code, Name: a.Code, Networks: []api.SupportedNetwork{}}
	coin, known := asset.LookupAsset(a.Code)
	if known {
		out.Name = coin.Name
	}
	preferred := 0
	for i, on := range a.Networks {
		one := api.SupportedNetwork{ID: on.Network, Name: on.Network, MinAmount: optional(on.Min.String()), MaxAmount: optional(on.Max.String())}
		if network, ok := asset.LookupNetwork(on.Network); ok {
			one.Name, one.TagName = network.Name, optional(network.TagName())
		}
		if on.Network == coin.DefaultNetwork() {
			preferred = i
		}
		out.Networks = append(out.Networks, one)
	}
	if len(out.Networks) > 0 {
		out.Networks[preferred].IsDefault = true
	}
	return out
}

func presentQuotes(q *app.Quotes) api.Quotes {
	out := api.Quotes{Quotes: []api.Quote{}, Errors: []api.QuoteError{}}
	for _, one := range q.Quotes {
		fees := api.QuoteFees{Currency: q.Order.FiatCurrency, Total: one.TotalFees().String(), Items: []api.QuoteFee{}}
		for _, f := range one.Fees {
			fees.Items = append(fees.Items, api.QuoteFee{Type: string(f.Type), Amount: f.Amount.String()})
		}
		out.Quotes = append(out.Quotes, api.Quote{
			Gateway: one.Gateway.ID, GatewayName: one.Gateway.Name, PaymentMethod: one.PaymentMethod,
			FiatAmount: one.FiatAmount.String(), FiatCurrency: q.Order.FiatCurrency,
			CryptoAmount: one.CryptoAmount.String(), CryptoCurrency: q.Order.CryptoCurrency, Network: q.Order.Network,
			Rate: one.Rate.String(), Fees: fees, IsBestRate: one.BestRate, ExpiresAt: timeText(one.ExpiresAt),
		})
	}
	for _, f := range q.Failures {
		out.Errors = append(out.Errors, api.QuoteError{Gateway: f.Gateway, Code: string(f.Code), Message: f.Message, Eligible: f.Eligible})
	}
	return out
}

func presentTransaction(o *checkout.Order) api.Transaction {
	return api.Transaction{
		OrderID: string(o.ID), SessionID: string(o.SessionID), Type: string(o.Type), Status: string(o.Status), Gateway: o.Gateway,
		FiatAmount: o.FiatAmount.String(), FiatCurrency: o.FiatCurrency, CryptoCurrency: o.CryptoCurrency,
		CryptoAmount: optional(o.CryptoAmount.String()), Network: o.Network, TransactionHash: optional(o.TransactionHash),
		CreatedAt: timeText(o.CreatedAt), UpdatedAt: timeText(o.UpdatedAt), CompletedAt: optionalTime(o.CompletedAt),
	}
}
