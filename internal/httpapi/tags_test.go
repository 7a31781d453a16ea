package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/store"
)

// onXRPTagged is onXRP with the destination tag 276 inside (XLS-5).
const onXRPTagged = "XVLhHMPHU98es4dbozjVtdWzVrDjtVoKj3MnFGMXEFMnvJV"

// TestCheckAddressTag: what is said of a tag is what an order would say.
func TestCheckAddressTag(t *testing.T) {
	t.Parallel()
	h := newWorld(t).hosted(t, "")
	for _, c := range []struct {
		network, address, tag string
		name, inside, valid   any
	}{
		{"xrp", onXRP, "", "destination tag", nil, nil},
		{"xrp", onXRP, "0", "destination tag", nil, true},
		{"xrp", onXRP, "4294967296", "destination tag", nil, false},
		{"xrp", onXRP, "a memo", "destination tag", nil, false},
		{"xrp", onXRPTagged, "", "destination tag", "276", nil},
		{"xrp", onXRPTagged, "276", "destination tag", "276", true},
		{"xrp", onXRPTagged, "277", "destination tag", "276", false},
		{"cosmos", onCosmos, "order 17", "memo", nil, true},
		{"ton", onTON, strings.Repeat("x", 121), "comment", nil, false},
		{"ethereum", wallet, "", nil, nil, nil},
		{"ethereum", wallet, "1", nil, nil, false},
		{"moonbase-9", "anything", "1", nil, nil, true},
	} {
		question := map[string]string{"network": c.network, "address": c.address}
		if c.tag != "" {
			question["tag"] = c.tag
		}
		body, _ := json.Marshal(question) // strings always marshal
		a := h.call(t, http.MethodPost, h.url("/address"), h.secret, string(body)).want(t, 200)
		if a.data("tagName") != c.name || a.data("addressTag") != c.inside || a.data("tagValid") != c.valid || a.data("valid") != true {
			t.Errorf("%s beside %s on %s: %s", c.tag, c.address, c.network, a.raw)
		}
		if c.tag == "" {
			continue
		}
		members, _ := json.Marshal(map[string]string{"network": c.network, "walletAddress": c.address, "walletTag": c.tag})
		refused := h.order(t, strings.Trim(string(members), "{}"), `"gateway": "nobody"`)
		if slices.Contains(refused.fields(), "walletTag") == (c.valid == true) {
			t.Errorf("%s beside %s on %s: an order answers %s", c.tag, c.address, c.network, refused.raw)
		}
	}
	for _, tag := range []string{`""`, `7`, `"\u0000"`, `"` + strings.Repeat("x", 256) + `"`} {
		a := h.call(t, http.MethodPost, h.url("/address"), h.secret, `{"network": "xrp", "address": "`+onXRP+`", "tag": `+tag+`}`).want(t, 400, "VALIDATION_ERROR")
		if got := strings.Join(a.fields(), ","); got != "tag" {
			t.Errorf("%.60s: names %q", tag, got)
		}
	}
}

// TestTagNames: whoever offers networks knows which of them have tags.
func TestTagNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]any{"xrp": "destination tag", "stellar": "memo", "ton": "comment", "ethereum": nil}
	cryptos, _ := w.get(t, "/public/v1/onramp/supported?projectId="+string(w.project), "").want(t, 200).data("cryptos").([]any)
	seen := map[string]bool{}
	for _, crypto := range cryptos {
		networks, _ := crypto.(map[string]any)["networks"].([]any)
		for _, network := range networks {
			one, _ := network.(map[string]any)
			id, _ := one["id"].(string)
			name, asked := want[id]
			if asked && one["tagName"] != name {
				t.Errorf("%s: %v", id, one["tagName"])
			}
			seen[id] = true
		}
	}
	for id, name := range want {
		h := w.hosted(t, `"network": "`+id+`"`)
		if got := h.read(t, h.secret).want(t, 200).data("tagName"); got != name || !seen[id] {
			t.Errorf("a session on %s: %v, offered %v", id, got, seen[id])
		}
	}
}

// TestDeposit: the payer of a sale is told where to send the crypto, also with the token of the return page. Its code can be read
// while there is something to send.
func TestDeposit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, `"type": "offramp"`)
	made := h.order(t, `"cryptoCurrency": "XRP", "network": "xrp", "email": "Deposit@sandbox.test"`).want(t, 201)
	id, _ := made.data("orderId").(string)
	token := h.returnURL(t, id).Query().Get("k")
	if made.data("deposit") != nil {
		t.Errorf("before it is told: %s", made.raw)
	}
	move := func(status string) {
		w.post(t, "/v1/test_helpers/orders/"+id+"/simulate", w.sk, `{"status": "`+status+`"}`).want(t, 200)
	}
	move("pending")
	for name, credential := range map[string]string{"the payer": h.secret, "who comes back": token} {
		a := h.read(t, credential).want(t, 200)
		address, _ := a.data("order.deposit.address").(string)
		tag, _ := a.data("order.deposit.tag").(string)
		if a.data("order.status") != "pending" || address == "" || tag == "" || a.data("order.deposit.amount") != "40.4" || a.data("order.deposit.until") != "2026-03-01T12:15:00Z" {
			t.Errorf("%s: %s", name, a.raw)
		}
		size, _ := a.data("order.deposit.qr.size").(json.Number)
		n, _ := size.Int64()
		modules, _ := a.data("order.deposit.qr.modules").(string)
		if got, err := readQR(int(n), modules); err != nil || got != address {
			t.Errorf("%s: the code reads %q: %v", name, got, err)
		}
	}
	first := h.read(t, h.secret).data("order.deposit.address")
	w.pass(time.Minute)
	move("pending")
	if a := h.read(t, h.secret); a.data("order.deposit.until") != "2026-03-01T12:16:00Z" || a.data("order.deposit.address") != first {
		t.Errorf("told again: %s", a.raw)
	}
	move("processing")
	if a := h.read(t, h.secret).want(t, 200); a.data("order.deposit.qr") != nil || a.data("order.deposit.address") != first {
		t.Errorf("once it is sent: %s", a.raw)
	}
}

// TestRouted: the page is told when it may leave the choice of the gateway to the server.
func TestRouted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hosted(t, "")
	for standard, want := range map[string]bool{"": false, "sandbox": false, "auto": true} {
		project, err := w.db.Project(t.Context(), w.project)
		if err != nil {
			t.Fatal(err)
		}
		project.DefaultGateway = standard
		if err := w.db.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateProject(project) }); err != nil {
			t.Fatal(err)
		}
		if got := h.read(t, h.secret).want(t, 200).data("routed"); got != want {
			t.Errorf("default gateway %q: %v", standard, got)
		}
	}
}
