package contract_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// TestUnstorable: what no engine need be able to keep, a NUL or bytes that are not UTF-8, is refused where it is given and
// unknown where it is looked for, wherever it stands. The engines differ in what they can keep; the answers don't.
func TestUnstorable(t *testing.T) {
	t.Parallel()
	_, order := dev.ordered(t, nil)
	for name, bad := range map[string]string{"NUL": "%00", "inner NUL": "a%00b", "not UTF-8": "%ff", "half a character": "%c3"} {
		for path, code := range map[string]string{
			"/v1/sessions/sess_" + bad:                            "NOT_FOUND",
			"/v1/orders/ord_" + bad:                               "NOT_FOUND",
			"/v1/webhooks/whk_" + bad:                             "NOT_FOUND",
			"/v1/events/evt_" + bad:                               "NOT_FOUND",
			"/v1/events/evt_" + bad + "/deliveries":               "NOT_FOUND",
			transactionRoute("ord_"+bad) + "?projectId=" + dev.ID: "TRANSACTION_NOT_FOUND",
		} {
			t.Run("§1 unknown: "+name+" in "+strings.Replace(path, dev.ID, "{id}", 1), func(t *testing.T) {
				t.Parallel()
				dev.get(t, path, dev.SK).bad(t, 404, code, "")
			})
		}
		for _, path := range []string{
			"/v1/sessions/sess_" + bad + "/confirm", "/v1/sessions/sess_" + bad + "/cancel", "/v1/sessions/sess_" + bad + "/order",
			"/v1/webhooks/whk_" + bad + "/rotate-secret", "/v1/webhooks/whk_" + bad + "/test", "/v1/events/evt_" + bad + "/resend",
			"/v1/test_helpers/orders/ord_" + bad + "/simulate", "/gateways/sandbox/webhook/" + bad, "/gateways/" + bad + "/webhook/" + dev.ID,
		} {
			t.Run("§1 unknown: "+name+" in POST "+strings.Replace(path, dev.ID, "{id}", 1), func(t *testing.T) {
				t.Parallel()
				s := session{secret: "sess_secret_none"}
				for _, header := range [][]string{nil, {"Idempotency-Key", fresh("key")}} {
					dev.post(t, path, dev.SK, s.orderBody(obj{"status": "completed"}), header...).bad(t, 404, "NOT_FOUND", "")
				}
			})
		}
		for _, c := range []struct{ path, field string }{
			{"/v1/sessions?externalCustomerId=", "externalCustomerId"},
			{"/v1/sessions?status=", "status"},
			{"/v1/sessions?customerId=", "customerId"},
			{"/v1/orders?sessionId=", "sessionId"},
			{"/v1/orders?gateway=", "gateway"},
			{"/v1/orders?externalCustomerId=", "externalCustomerId"},
			{"/v1/events?orderId=", "orderId"},
			{"/v1/events?type=", "type"},
			{transactionRoute(order) + "?projectId=", "projectId"},
		} {
			t.Run("§1 refused: "+name+" in "+c.field+" of "+strings.Replace(c.path, order, "{id}", 1), func(t *testing.T) {
				t.Parallel()
				dev.get(t, c.path+bad, dev.SK).invalid(t, c.field)
			})
		}
		t.Run("§6 unknown or refused: "+name+" in a choice", func(t *testing.T) {
			t.Parallel()
			if a := dev.get(t, supportedRoute+"?projectId="+dev.ID+"&country="+bad, ""); a.status != 400 {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	for name, id := range map[string]string{"NUL": "sess_\x00", "not UTF-8": "sess_\xff"} {
		cursor := "1." + base64.RawURLEncoding.EncodeToString([]byte(id+".2026-01-01T00:00:00Z"))
		for _, route := range []string{"/v1/sessions", "/v1/orders", "/v1/events", "/v1/webhooks"} {
			t.Run("§1 refused: "+name+" in a cursor of "+route, func(t *testing.T) {
				t.Parallel()
				dev.get(t, route+"?cursor="+cursor, dev.SK).invalid(t, "cursor")
			})
		}
	}
}

// TestUnstorableBodies: the same in what is posted, and in headers.
func TestUnstorableBodies(t *testing.T) {
	t.Parallel()
	for _, member := range []string{"externalCustomerId", "destinationAddress", "network", "destinationCurrency", "sourceCurrency", "redirectUrl", "country", "customerId"} {
		t.Run("§2.1 refused: NUL in "+member, func(t *testing.T) {
			t.Parallel()
			value := "a\x00b"
			if member == "redirectUrl" {
				value = "https://shop.example/\x00"
			}
			dev.create(t, obj{member: value}).invalid(t, member)
		})
	}
	for _, member := range []string{"walletAddress", "email", "gateway", "network", "cryptoCurrency", "fiatCurrency"} {
		t.Run("§2.6 refused: NUL in "+member, func(t *testing.T) {
			t.Parallel()
			if a := dev.session(t, nil).order(t, obj{member: "a\x00b"}); a.status != http.StatusBadRequest {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	for _, c := range []struct{ member, value string }{{"url", "https://hooks.example/\x00"}, {"secret", "a-secret-with-a-\x00-inside"}} {
		t.Run("§4 refused: NUL in "+c.member, func(t *testing.T) {
			t.Parallel()
			dev.post(t, "/v1/webhooks", dev.SK, merge(obj{"url": "https://1.1.1.1/", "events": []string{"*"}}, obj{c.member: c.value})).invalid(t, c.member)
		})
	}
	t.Run("§2.1 refused: NUL in metadata", func(t *testing.T) {
		t.Parallel()
		dev.create(t, obj{"metadata": obj{"a": "\x00"}}).invalid(t, "metadata")
		dev.create(t, obj{"metadata": obj{"\x00": "a"}}).invalid(t, "metadata")
	})
	t.Run("§2.1 metadata keeps what is not ASCII", func(t *testing.T) {
		t.Parallel()
		metadata := obj{"é\u0001": "\u2028\ufffd\u001f", "emoji": "🙂"}
		s, order := dev.ordered(t, obj{"metadata": metadata})
		same(t, s.read(t), obj{"metadata": metadata})
		same(t, inner(dev.simulated(t, order, "completed"), "metadata"), obj{"partnerMetadata": metadata})
	})
	for name, key := range map[string]string{"not UTF-8": "k\xff", "half a character": "k\xc3"} {
		t.Run("§1 idempotency: refused: "+name, func(t *testing.T) {
			t.Parallel()
			dev.create(t, nil, "Idempotency-Key", key).invalid(t, "Idempotency-Key")
		})
	}
	t.Run("§1 idempotency: a key in UTF-8", func(t *testing.T) {
		t.Parallel()
		key, body := fresh("clé-🙂"), obj{"externalCustomerId": fresh("cust")}
		replayed(t, dev.create(t, body, "Idempotency-Key", key), dev.create(t, body, "Idempotency-Key", key))
	})
	t.Run("§1 keys that are not UTF-8 are unknown", func(t *testing.T) {
		t.Parallel()
		for _, key := range []string{"sk_test_\xff", "sk_test_" + strings.Repeat("\xff", 40)} {
			dev.get(t, "/v1/sessions", key).bad(t, 401, "INVALID_API_KEY", "")
		}
	})
}
