package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/api/apitest"
)

func ptr(s string) *string { return &s }

const (
	sessionID  = "sess_5f0kQ2v7cXr1yB8mZt3wLa"
	secret     = "sess_secret_u4Zt9bLx1Qm7Rk3Vw8Yc2Nd6Hf5Js0Pg"
	orderID    = "ord_8Jx2mQ4rT6vY0bN3cK5pZs"
	projectID  = "7b0f6c1e-3d1c-4f0e-9f57-2f9a1a4f6f10"
	customerID = "2c1d7e54-8a44-4f43-8a0c-1f6a5b7d9e02"
	wallet     = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	at         = "2026-03-01T12:00:00Z"
)

// bareSession has nothing set that may be missing.
func bareSession() api.SessionAttributes {
	return api.SessionAttributes{
		SessionID: sessionID, ProjectID: projectID, Type: "onramp", Status: "pending", CustomerID: customerID,
		FieldLocks: map[string]api.FieldLock{}, ExpiresAt: at, CreatedAt: at, Warnings: []api.Warning{},
	}
}

func fullSession() api.SessionAttributes {
	s := bareSession()
	s.ExternalCustomerID, s.SourceAmount, s.SourceCurrency = ptr("user-1"), ptr("90071992547409.93"), ptr("USD")
	s.DestinationCurrency, s.DestinationAddress, s.Network = ptr("ETH"), ptr(wallet), ptr("ethereum")
	s.RedirectURL, s.Country, s.OrderID = ptr("https://shop.example/back"), ptr("US"), ptr(orderID)
	s.Metadata = json.RawMessage(`{"cart":"4711"}`)
	s.FieldLocks = map[string]api.FieldLock{
		"sourceAmount": {Locked: true, Min: ptr("1"), Max: ptr("2.50")},
		"network":      {Locked: false},
	}
	s.Warnings = []api.Warning{{Code: "ADDRESS_CHECKSUM", Field: "destinationAddress", Message: "wrong checksum"}}
	return s
}

func createdSession() api.SessionAttributes {
	s := fullSession()
	s.ClientSecret, s.CheckoutURL = secret, "https://pay.example/checkout/"+sessionID+"#"+secret
	return s
}

func bareOrder() api.OrderAttributes {
	return api.OrderAttributes{
		OrderID: orderID, SessionID: sessionID, ProjectID: projectID, Type: "sell", Status: "pending", Gateway: "sandbox",
		FiatAmount: "100.00", FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum", CustomerID: customerID,
		Metadata: api.OrderMetadata{PartnerMetadata: json.RawMessage(`{}`)}, CreatedAt: at, UpdatedAt: at,
		Discrepancies: []api.Discrepancy{},
	}
}

func fullOrder() api.OrderAttributes {
	o := bareOrder()
	o.ExternalOrderID, o.CryptoAmount, o.WalletAddress = ptr("x1"), ptr("0.0523"), ptr(wallet)
	o.Email, o.ExternalCustomerID, o.TransactionHash = ptr("p@example.com"), ptr("user-1"), ptr("0xabc")
	o.FailureReason, o.CompletedAt = ptr("declined"), ptr(at)
	o.WalletTag, o.Deposit = ptr("7"), &api.Deposit{Address: wallet, Amount: ptr("0.05"), Until: ptr(at)}
	o.Discrepancies = []api.Discrepancy{{Field: "fiatAmount", Ordered: "100", Paid: "10"}}
	took := int64(120)
	o.Routing = &api.Routing{Reason: "best_offer", RankBy: "price", DecidedAt: at, Candidates: []api.RoutingCandidate{
		{Gateway: "a", Outcome: "chosen", Offer: &api.RoutingOffer{FiatAmount: "100", CryptoAmount: "0.05", Rate: "1900", Fees: "5"}, TookMS: &took},
		{Gateway: "b", Outcome: "ineligible", Code: ptr("INVALID_AMOUNT"), Message: ptr("too little")},
	}}
	o.Checkout = &api.Checkout{Method: "redirect", URL: "https://pay.example/c/1", ExpiresAt: 1800}
	return o
}

func createdOrder(m *api.OrderMetadata) api.CreatedOrderAttributes {
	return api.CreatedOrderAttributes{
		OrderID: orderID, Status: "created", SessionID: sessionID,
		Checkout:  api.Checkout{Method: "redirect", URL: "https://pay.example/c/1", ExpiresAt: 1800},
		ProjectID: projectID, Type: "buy", Gateway: "sandbox", FiatAmount: "100", FiatCurrency: "USD",
		CryptoCurrency: "ETH", Network: "ethereum", CustomerID: customerID, Metadata: m, CreatedAt: at, UpdatedAt: at,
	}
}

func session(a api.SessionAttributes) api.Session {
	return api.Session{Type: api.KindSession, ID: sessionID, Attributes: a}
}

func order(a api.OrderAttributes) api.Order {
	return api.Order{Type: api.KindOrder, ID: orderID, Attributes: a}
}

// TestWireValid: what the structs marshal to is what the document says, and comes back as it was.
func TestWireValid(t *testing.T) {
	t.Parallel()
	page := api.Pagination{Page: 1, PageSize: 25, Total: 1, TotalPages: 1, NextCursor: ptr("abc")}
	meta := &api.OrderMetadata{PartnerMetadata: json.RawMessage(`{"a":1}`)}
	cases := []struct {
		schema string
		value  any
	}{
		{"SessionCreated", session(createdSession())},
		{"Session", session(fullSession())},
		{"Session", session(bareSession())},
		{"SessionList", api.List[api.Session]{Data: []api.Session{session(fullSession())}, Pagination: page}},
		{"SessionList", api.List[api.Session]{Data: []api.Session{}, Pagination: api.Pagination{Page: 7, PageSize: 1}}},
		{"OrderCreated", api.CreatedOrder{Type: api.KindOrder, ID: orderID, Attributes: createdOrder(meta)}},
		{"OrderCreated", api.CreatedOrder{Type: api.KindOrder, ID: orderID, Attributes: createdOrder(nil)}},
		{"Order", order(fullOrder())},
		{"Order", order(bareOrder())},
		{"OrderList", api.List[api.Order]{Data: []api.Order{order(bareOrder())}, Pagination: page}},
		{"ErrorEnvelope", api.ErrorEnvelope{Error: api.ErrorBody{
			Code: api.CodeValidation, Message: "m", Details: []api.FieldError{{Field: "a", Message: "b"}}, RequestID: "req_1",
		}}},
		{"Acknowledgement", api.Acknowledgement{Success: true}},
		{"Health", api.Health{Status: "ok"}},
		{"Readiness", api.Health{Status: "ready"}},
		{"CreateSessionRequest", api.CreateSessionRequest{ExternalCustomerID: "user-1"}},
		{"CreateSessionRequest", api.CreateSessionRequest{
			ExternalCustomerID: "user-1", CustomerID: customerID, Type: "offramp", SourceAmount: "0.10",
			SourceCurrency: "usd", DestinationCurrency: "eth", Network: "Ethereum", DestinationAddress: wallet,
			RedirectURL: "https://shop.example", Country: "us", ExpiresInSeconds: 60, Metadata: json.RawMessage(`{"a":1}`),
			FieldLocks: map[string]api.FieldLock{"sourceAmount": {Locked: true, Min: ptr("1")}, "network": {}},
		}},
		{"ConfirmSessionRequest", api.ConfirmSessionRequest{ClientSecret: secret, DestinationAddress: "a", Network: "b"}},
		{"CreateOrderRequest", api.CreateOrderRequest{
			ClientSecret: secret, FiatAmount: "1", CryptoCurrency: "ETH", Network: "ethereum", FiatCurrency: "USD",
			WalletAddress: wallet, Gateway: "auto", Email: "p@example.com",
		}},
		{"SimulateOrderRequest", api.SimulateOrderRequest{Status: "refunded"}},
	}
	for _, c := range cases {
		t.Run(c.schema, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if err := apitest.Validate(c.schema, text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			back := reflect.New(reflect.TypeOf(c.value))
			if err := json.Unmarshal(text, back.Interface()); err != nil {
				t.Fatal(err)
			}
			if again, err := json.Marshal(back.Interface()); err != nil || !bytes.Equal(again, text) {
				t.Errorf("came back as %s (%v)\nwas %s", again, err, text)
			}
		})
	}
}

// TestWireMembers: each struct has the members of its schema, no more and no less.
func TestWireMembers(t *testing.T) {
	t.Parallel()
	schemas := document(t).Components.Schemas
	cases := map[string]any{
		"SessionCreated": api.Session{}, "SessionCreatedAttributes": api.SessionAttributes{},
		"OrderCreated": api.CreatedOrder{}, "OrderCreatedAttributes": api.CreatedOrderAttributes{},
		"Order": api.Order{}, "OrderAttributes": api.OrderAttributes{}, "SessionList": api.List[api.Session]{},
		"Pagination": api.Pagination{}, "Checkout": api.Checkout{}, "OrderMetadata": api.OrderMetadata{},
		"AmountLock": api.FieldLock{}, "Warning": api.Warning{}, "ErrorEnvelope": api.ErrorEnvelope{},
		"FieldError": api.FieldError{}, "CreateSessionRequest": api.CreateSessionRequest{},
		"ConfirmSessionRequest": api.ConfirmSessionRequest{}, "CreateOrderRequest": api.CreateOrderRequest{},
		"SimulateOrderRequest": api.SimulateOrderRequest{},
	}
	for name, value := range cases {
		got := slices.Sorted(slices.Values(tags(value)))
		if want := slices.Sorted(maps.Keys(schemas[name].Value.Properties)); !slices.Equal(got, want) {
			t.Errorf("%s: struct %v, schema %v", name, got, want)
		}
	}
}

func tags(v any) []string {
	var names []string
	for f := range reflect.TypeOf(v).Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestWireOrder: attributes come in the contract's order (§2.1, §2.6, §3).
func TestWireOrder(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		value any
		want  string
	}{
		{"session", createdSession(), `sessionId projectId clientSecret type status customerId externalCustomerId
			sourceAmount sourceCurrency destinationCurrency destinationAddress destinationTag network redirectUrl country metadata
			fieldLocks expiresAt createdAt orderId warnings checkoutUrl`},
		{"session for a public key", bareSession(), `sessionId projectId type status customerId externalCustomerId
			sourceAmount sourceCurrency destinationCurrency destinationAddress destinationTag network redirectUrl country
			fieldLocks expiresAt createdAt orderId warnings`},
		{"order", fullOrder(), `orderId sessionId projectId type status gateway externalOrderId fiatAmount fiatCurrency
			cryptoCurrency cryptoAmount network walletAddress walletTag email customerId externalCustomerId transactionHash
			failureReason checkout metadata createdAt updatedAt completedAt latePayment deposit discrepancies routing`},
		{"created order", createdOrder(nil), `orderId status sessionId checkout projectId type gateway externalOrderId
			fiatAmount fiatCurrency cryptoCurrency cryptoAmount network walletAddress walletTag email customerId externalCustomerId
			transactionHash failureReason createdAt updatedAt completedAt`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(c.want), topMembers(t, text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// topMembers lists an object's members as they come.
func topMembers(t *testing.T, text []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// TestMetadata: null for a secret key without metadata, absent for a public key.
func TestMetadata(t *testing.T) {
	t.Parallel()
	s := bareSession()
	s.Metadata = json.RawMessage("null")
	with, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	without, err := json.Marshal(bareSession())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(with, []byte(`"metadata":null`)) || bytes.Contains(without, []byte("metadata")) {
		t.Errorf("%s\n%s", with, without)
	}
}
