package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

func (h hosted) address(tb testing.TB, network, address string) answer {
	tb.Helper()
	body, _ := json.Marshal(map[string]string{"network": network, "address": address}) // strings always marshal
	return h.call(tb, http.MethodPost, h.url("/address"), h.secret, string(body))
}

// order with the address, to see whether one would take it.
func (h hosted) takes(tb testing.TB, network, address string) bool {
	tb.Helper()
	body, _ := json.Marshal(map[string]string{"network": network, "walletAddress": address})
	a := h.order(tb, strings.Trim(string(body), "{}"), `"gateway": "nobody"`) // refused after its members were checked
	for _, field := range a.fields() {
		if field == "walletAddress" {
			return false
		}
	}
	return a.want(tb, 400, "INVALID_GATEWAY").code() != ""
}

const (
	doubtful = "0x5aaeB6053F3E94C9b9A09f33669435E7Ef1BeAed" // wallet, with the case of two letters changed
	segwit   = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
	legacy   = "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"
	onTron   = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
	onSolana = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v"
	onXRP    = "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"
	onTON    = "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"
	onADA    = "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x"
	onCosmos = "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"
)

// checked is what the answer says, but for the QR code.
type checked struct {
	network, name      any
	checked, valid     any
	problem, suggested any
	alike              []any
}

// TestCheckAddress: what is said of an address is what an order would say, and the code shows that very address.
func TestCheckAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, "")
	none := []any{}
	for _, c := range []struct {
		network, address string
		want             checked
	}{
		{"ethereum", wallet, checked{"ethereum", "Ethereum", true, true, nil, nil, none}},
		{"BASE", wallet, checked{"base", "Base", true, true, nil, nil, none}},
		{"ethereum", strings.ToLower(wallet), checked{"ethereum", "Ethereum", true, true, nil, nil, none}},
		{"ethereum", doubtful, checked{"ethereum", "Ethereum", true, true, "checksum", wallet, none}},
		{"ethereum", wallet[:41], checked{"ethereum", "Ethereum", true, false, "form", nil, none}},
		{"ethereum", " " + wallet, checked{"ethereum", "Ethereum", true, false, "form", nil, none}},
		{"ethereum", segwit, checked{"ethereum", "Ethereum", true, false, "form", nil, []any{"Bitcoin"}}},
		{"ethereum", onTron, checked{"ethereum", "Ethereum", true, false, "form", nil, []any{"TRON"}}},
		{"ethereum", "0x" + strings.Repeat("1", 64), checked{"ethereum", "Ethereum", true, false, "form", nil, []any{"Sui"}}},
		{"ethereum-sepolia", wallet, checked{"ethereum-sepolia", "Ethereum Sepolia", true, true, nil, nil, none}},
		{"bitcoin", segwit, checked{"bitcoin", "Bitcoin", true, true, nil, nil, none}},
		{"bitcoin", strings.ToUpper(segwit), checked{"bitcoin", "Bitcoin", true, true, nil, nil, none}},
		{"bitcoin", legacy, checked{"bitcoin", "Bitcoin", true, true, nil, nil, none}},
		{"bitcoin", segwit[:41] + "5", checked{"bitcoin", "Bitcoin", true, false, "checksum", nil, none}},
		{"bitcoin", legacy[:33] + "p", checked{"bitcoin", "Bitcoin", true, false, "checksum", nil, none}},
		{"bitcoin", wallet, checked{"bitcoin", "Bitcoin", true, false, "form", nil, []any{"Ethereum"}}},
		{"litecoin", legacy, checked{"litecoin", "Litecoin", true, false, "form", nil, []any{"Bitcoin", "Bitcoin Cash"}}},
		{"tron", onTron, checked{"tron", "TRON", true, true, nil, nil, none}},
		{"tron", onTron[:33] + "u", checked{"tron", "TRON", true, false, "checksum", nil, none}},
		{"tron", wallet, checked{"tron", "TRON", true, false, "form", nil, []any{"Ethereum"}}},
		{"solana", onSolana, checked{"solana", "Solana", true, true, nil, nil, none}},
		{"solana", onXRP, checked{"solana", "Solana", true, false, "form", nil, []any{"XRP Ledger"}}},
		{"xrp", onXRP, checked{"xrp", "XRP Ledger", true, true, nil, nil, none}},
		{"xrp", onXRP[:33] + "g", checked{"xrp", "XRP Ledger", true, false, "checksum", nil, none}},
		{"ton", onTON, checked{"ton", "TON", true, true, nil, nil, none}},
		{"ton", onTON[:47] + "G", checked{"ton", "TON", true, false, "checksum", nil, none}},
		{"cardano", onADA, checked{"cardano", "Cardano", true, true, nil, nil, none}},
		{"cosmos", onCosmos, checked{"cosmos", "Cosmos Hub", true, true, nil, nil, none}},
		{"osmosis", onCosmos, checked{"osmosis", "Osmosis", true, false, "form", nil, []any{"Cosmos Hub"}}},
		{"moonbase-9", "anything goes", checked{"moonbase-9", nil, false, true, nil, nil, none}},
		{"moonbase-9", "0123456789", checked{"moonbase-9", nil, false, true, nil, nil, none}},
		{"moonbase-9", strings.Repeat("long ", 50), checked{"moonbase-9", nil, false, true, nil, nil, none}},
		{"moonbase-9", "wörld ☕", checked{"moonbase-9", nil, false, true, nil, nil, none}},
	} {
		a := h.address(t, c.network, c.address).want(t, 200)
		alike, _ := a.data("looksLike").([]any)
		got := checked{a.data("network"), a.data("networkName"), a.data("checked"), a.data("valid"), a.data("problem"), a.data("suggestion"), alike}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(checked{})); diff != "" {
			t.Errorf("%s on %s:\n%s", c.address, c.network, diff)
		}
		if takes := h.takes(t, strings.ToLower(c.network), c.address); takes != c.want.valid {
			t.Errorf("%s on %s: an order takes it: %v", c.address, c.network, takes)
		}
		wantQR(t, a, c.address, c.want.valid == true)
	}
}

func wantQR(t *testing.T, a answer, address string, there bool) {
	t.Helper()
	if !there {
		if a.data("qr") != nil {
			t.Errorf("%s: a code of what is not valid: %s", address, a.raw)
		}
		return
	}
	size, _ := a.data("qr.size").(json.Number)
	n, _ := size.Int64()
	modules, _ := a.data("qr.modules").(string)
	if got, err := readQR(int(n), modules); err != nil || got != address {
		t.Errorf("%s: its code reads %q: %v", address, got, err)
	}
}

// TestCheckAddressStrict: a project that takes no doubtful address says so here too.
func TestCheckAddressStrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project, err := w.db.Project(t.Context(), w.project)
	if err != nil {
		t.Fatal(err)
	}
	project.StrictAddress = true
	if err := w.db.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateProject(project) }); err != nil {
		t.Fatal(err)
	}
	h := w.hosted(t, "")
	a := h.address(t, "ethereum", doubtful).want(t, 200)
	if a.data("valid") != false || a.data("problem") != "checksum" || a.data("qr") != nil || h.takes(t, "ethereum", doubtful) {
		t.Errorf("doubtful: %s", a.raw)
	}
	if a := h.address(t, "ethereum", wallet).want(t, 200); a.data("valid") != true || a.data("qr") == nil {
		t.Errorf("right: %s", a.raw)
	}
}

// TestCheckAddressRefused: what is no question is refused by the names of its members; a session that is over, or gone on, may
// still ask, and so may who has come back.
func TestCheckAddressRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, toWallet)
	for body, fields := range map[string]string{
		`{}`: "network,address", `{"network": "ethereum"}`: "address", `{"address": "x"}`: "network", `{"network": "not one!", "address": ""}`: "network,address",
		`{"network": 1, "address": []}`: "network,address", `{"network": "ethereum", "address": "` + strings.Repeat("x", 256) + `"}`: "address",
		`{"network": "ethereum", "address": "\u0000"}`: "address", `[]`: "body", ``: "body",
	} {
		a := h.call(t, http.MethodPost, h.url("/address"), h.secret, body).want(t, 400, "VALIDATION_ERROR")
		if got := strings.Join(a.fields(), ","); got != fields {
			t.Errorf("%.60s: names %q, want %q", body, got, fields)
		}
	}
	id, _ := h.order(t).want(t, 201).data("orderId").(string)
	h.address(t, "ethereum", wallet).want(t, 200)
	token := h.returnURL(t, id).Query().Get("k")
	question := `{"network": "ethereum", "address": "` + wallet + `"}`
	h.call(t, http.MethodPost, h.url("/address"), token, question).want(t, 200)
	h.call(t, http.MethodPost, h.path("/address"), h.secret, question).want(t, 200)
	live, _, err := w.app.CreateProject(t.Context(), checkout.Project{Name: "Live", Mode: checkout.ModeLive})
	if err != nil {
		t.Fatal(err)
	}
	h.call(t, http.MethodPost, h.path("/address?projectId="+string(live.ID)), h.secret, question).want(t, 404, "NOT_FOUND")
}
