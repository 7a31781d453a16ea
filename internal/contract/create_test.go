package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// creation is one body laid over a minimal one: if fields is empty it is a 201
// whose attributes hold want, else a 400 that names exactly the fields.
type creation struct {
	name   string
	body   obj
	want   obj
	fields string
}

func runCreations(t *testing.T, p project, cases []creation) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := p.create(t, c.body)
			if c.fields != "" {
				a.invalid(t, c.fields)
				return
			}
			if got := a.ok(t, 201); c.want != nil {
				same(t, got, c.want)
			}
		})
	}
}

const unknownUUID = "01890a5d-ac96-774b-bcce-b302099a8057"

var memberCases = []creation{
	{"§2.1 externalCustomerId: 1 character", obj{"externalCustomerId": "x"}, obj{"externalCustomerId": "x"}, ""},
	{"§2.1 externalCustomerId: 255 characters", obj{"externalCustomerId": strings.Repeat("a", 255)}, nil, ""},
	{"§2.1 externalCustomerId: 255 characters of two bytes", obj{"externalCustomerId": strings.Repeat("é", 255)}, obj{"externalCustomerId": strings.Repeat("é", 255)}, ""},
	{"§2.1 externalCustomerId: 255 characters of four bytes", obj{"externalCustomerId": strings.Repeat("🙂", 255)}, nil, ""},
	{"§2.1 externalCustomerId: 256 characters", obj{"externalCustomerId": strings.Repeat("a", 256)}, nil, "externalCustomerId"},
	{"§2.1 externalCustomerId: 256 characters of two bytes", obj{"externalCustomerId": strings.Repeat("é", 256)}, nil, "externalCustomerId"},
	{"§2.1 externalCustomerId: 0 characters", obj{"externalCustomerId": ""}, nil, "externalCustomerId"},
	{"§2.1 externalCustomerId or customerId is required", obj{"externalCustomerId": drop}, nil, "externalCustomerId|customerId"},
	{"§2.1 externalCustomerId null is an omitted one", obj{"externalCustomerId": nil}, nil, "externalCustomerId|customerId"},
	{"§2.1 customerId: not a UUID", obj{"externalCustomerId": drop, "customerId": "cust-1"}, nil, "customerId"},
	{"§2.1 customerId: unknown: 400 on customerId", obj{"externalCustomerId": drop, "customerId": unknownUUID}, nil, "customerId"},
	{"§2.1 customerId: unknown, with an externalCustomerId", obj{"customerId": unknownUUID}, nil, "customerId"},

	{"§2.1 type: onramp is the default", nil, obj{"type": "onramp", "status": "pending"}, ""},
	{"§2.1 type: onramp", obj{"type": "onramp"}, obj{"type": "onramp"}, ""},
	{"§2.1 type: offramp", obj{"type": "offramp"}, obj{"type": "offramp"}, ""},
	{"§2.1 type: anything else", obj{"type": "swap"}, nil, "type"},
	{"§2.1 type: empty", obj{"type": ""}, nil, "type"},

	{"§2.1 sourceCurrency: ISO 4217", obj{"sourceCurrency": "EUR"}, obj{"sourceCurrency": "EUR"}, ""},
	{"§2.1 sourceCurrency: letter case folded", obj{"sourceCurrency": "uSd"}, obj{"sourceCurrency": "USD"}, ""},
	{"§2.1 sourceCurrency: an unreal code", obj{"sourceCurrency": "ZZZ"}, nil, "sourceCurrency"},
	{"§2.1 sourceCurrency: two letters", obj{"sourceCurrency": "US"}, nil, "sourceCurrency"},
	{"§2.1 sourceCurrency: a crypto code", obj{"sourceCurrency": "BTC"}, nil, "sourceCurrency"},
	{"§2.1 sourceCurrency: empty", obj{"sourceCurrency": ""}, nil, "sourceCurrency"},
	{"§2.1 sourceCurrency: folding is of ASCII only", obj{"sourceCurrency": "uſd"}, nil, "sourceCurrency"},

	{"§2.1 destinationCurrency: case folded", obj{"destinationCurrency": "eth"}, obj{"destinationCurrency": "ETH"}, ""},
	{"§2.1 destinationCurrency: digits and a dot", obj{"destinationCurrency": "USDC.e1"}, obj{"destinationCurrency": "USDC.E1"}, ""},
	{"§2.1 destinationCurrency: 20 characters", obj{"destinationCurrency": strings.Repeat("A", 20)}, nil, ""},
	{"§2.1 destinationCurrency: 21 characters", obj{"destinationCurrency": strings.Repeat("A", 21)}, nil, "destinationCurrency"},
	{"§2.1 destinationCurrency: empty", obj{"destinationCurrency": ""}, nil, "destinationCurrency"},
	{"§2.1 destinationCurrency: another character", obj{"destinationCurrency": "ETH_2"}, nil, "destinationCurrency"},
	{"§2.1 destinationCurrency: a line feed at the end", obj{"destinationCurrency": "ETH\n"}, nil, "destinationCurrency"},

	{"§2.1 network: folded", obj{"network": "Ethereum"}, obj{"network": "ethereum"}, ""},
	{"§2.1 network: unknown to the catalogue", obj{"network": "made-up-1"}, obj{"network": "made-up-1"}, ""},
	{"§2.1 network: 40 characters", obj{"network": strings.Repeat("n", 40)}, nil, ""},
	{"§2.1 network: 41 characters", obj{"network": strings.Repeat("n", 41)}, nil, "network"},
	{"§2.1 network: empty", obj{"network": ""}, nil, "network"},
	{"§2.1 network: another character", obj{"network": "made_up"}, nil, "network"},

	{"§2.1 destinationAddress: 1 character", obj{"network": "made-up", "destinationAddress": "a"}, obj{"destinationAddress": "a"}, ""},
	{"§2.1 destinationAddress: 255 characters", obj{"network": "made-up", "destinationAddress": strings.Repeat("a", 255)}, nil, ""},
	{"§2.1 destinationAddress: 256 characters", obj{"network": "made-up", "destinationAddress": strings.Repeat("a", 256)}, nil, "destinationAddress"},
	{"§2.1 destinationAddress: empty", obj{"network": "made-up", "destinationAddress": ""}, nil, "destinationAddress"},

	{"§2.1 expiresInSeconds: 1", obj{"expiresInSeconds": 1}, nil, ""},
	{"§2.1 expiresInSeconds: 86400", obj{"expiresInSeconds": 86400}, nil, ""},
	{"§2.1 expiresInSeconds: 0, never clamped", obj{"expiresInSeconds": 0}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: -1", obj{"expiresInSeconds": -1}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: 86401, never clamped", obj{"expiresInSeconds": 86401}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: larger than any integer type", obj{"expiresInSeconds": json.Number("99999999999999999999")}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: 2^64+60 does not wrap", obj{"expiresInSeconds": json.Number("18446744073709551676")}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: 1.5", obj{"expiresInSeconds": 1.5}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: a string", obj{"expiresInSeconds": "60"}, nil, "expiresInSeconds"},
	{"§2.1 expiresInSeconds: a boolean", obj{"expiresInSeconds": true}, nil, "expiresInSeconds"},

	{"§2.1 country: folded", obj{"country": "us"}, obj{"country": "US"}, ""},
	{"§2.1 country: Kosovo is not in the real list", obj{"country": "XK"}, nil, "country"},
	{"§2.1 country: XX", obj{"country": "XX"}, nil, "country"},
	{"§2.1 country: UK is no ISO code", obj{"country": "UK"}, nil, "country"},
	{"§2.1 country: EU is no country", obj{"country": "EU"}, nil, "country"},
	{"§2.1 country: alpha-3", obj{"country": "USA"}, nil, "country"},
	{"§2.1 country: empty", obj{"country": ""}, nil, "country"},
	{"§2.1 country: omitted, private address: null", nil, obj{"country": nil}, ""},
}

var urlCases = []creation{
	{"§2.1 redirectUrl: https", obj{"redirectUrl": "https://shop.example/done?a=1&b=<2>"}, obj{"redirectUrl": "https://shop.example/done?a=1&b=<2>"}, ""},
	{"§2.1 redirectUrl: http in a test project", obj{"redirectUrl": "http://shop.example/"}, obj{"redirectUrl": "http://shop.example/"}, ""},
	{"§2.1 redirectUrl: 2048 characters", obj{"redirectUrl": longURL(2048)}, nil, ""},
	{"§2.1 redirectUrl: 2049 characters", obj{"redirectUrl": longURL(2049)}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: relative", obj{"redirectUrl": "/done"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: without a scheme", obj{"redirectUrl": "shop.example/done"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: scheme-relative", obj{"redirectUrl": "//shop.example/done"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: without a host", obj{"redirectUrl": "https:///done"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: opaque", obj{"redirectUrl": "https:shop.example"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: javascript", obj{"redirectUrl": "javascript:alert(1)"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: data", obj{"redirectUrl": "data:text/html,x"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: ftp", obj{"redirectUrl": "ftp://shop.example/"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: an app's scheme", obj{"redirectUrl": "shop://done"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: a line feed", obj{"redirectUrl": "https://shop.example/\nx"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: empty", obj{"redirectUrl": ""}, nil, "redirectUrl"},
}

var liveURLCases = []creation{
	{"§2.1 redirectUrl: https in a live project", obj{"redirectUrl": "https://shop.example/"}, nil, ""},
	{"§2.1 redirectUrl: https only for live projects", obj{"redirectUrl": "http://shop.example/"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: http on loopback always: localhost", obj{"redirectUrl": "http://localhost:3000/done"}, nil, ""},
	{"§2.1 redirectUrl: http on loopback always: 127.0.0.1", obj{"redirectUrl": "http://127.0.0.1:3000/done"}, nil, ""},
	{"§2.1 redirectUrl: http on loopback always: [::1]", obj{"redirectUrl": "http://[::1]:3000/done"}, nil, ""},
	{"§2.1 redirectUrl: not loopback: localhost.shop.example", obj{"redirectUrl": "http://localhost.shop.example/"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: not loopback: 127.0.0.1.shop.example", obj{"redirectUrl": "http://127.0.0.1.shop.example/"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: not loopback: localhost as user", obj{"redirectUrl": "http://localhost@shop.example/"}, nil, "redirectUrl"},
	{"§2.1 redirectUrl: not loopback: a private address", obj{"redirectUrl": "http://192.168.1.1/"}, nil, "redirectUrl"},
}

var metadataCases = []creation{
	{
		"§2.1 metadata: kept as given",
		obj{"metadata": obj{"a": "<&>é", "b": []any{1, true, nil}, "c": obj{"d": "e"}}},
		obj{"metadata": obj{"a": "<&>é", "b": []any{1, true, nil}, "c": obj{"d": "e"}}},
		"",
	},
	{
		"§2.1 metadata: digits of numbers are kept",
		obj{"metadata": obj{"n": json.Number("12345678901234567890"), "f": json.Number("90071992547409.93")}},
		obj{"metadata": obj{"n": json.Number("12345678901234567890"), "f": json.Number("90071992547409.93")}},
		"",
	},
	{"§2.1 metadata: empty", obj{"metadata": obj{}}, nil, ""},
	{"§2.1 metadata: omitted is null", nil, obj{"metadata": nil}, ""},
	{"§2.1 metadata: 20 members at the top", obj{"metadata": members(20)}, nil, ""},
	{"§2.1 metadata: 21 members at the top", obj{"metadata": members(21)}, nil, "metadata"},
	{"§2.1 metadata: 21 members below the top", obj{"metadata": obj{"in": members(21)}}, nil, ""},
	{"§2.1 metadata: 4096 bytes", obj{"metadata": obj{"k": strings.Repeat("x", 4096-8)}}, nil, ""},
	{"§2.1 metadata: 4097 bytes", obj{"metadata": obj{"k": strings.Repeat("x", 4097-8)}}, nil, "metadata"},
	{"§2.1 metadata: bytes, not characters", obj{"metadata": obj{"k": strings.Repeat("é", 2045)}}, nil, "metadata"},
	{"§2.1 metadata: 4096 bytes that HTML would escape", obj{"metadata": obj{"k": strings.Repeat("<", 4096-8)}}, nil, ""},
	{"§2.1 metadata: of compact JSON: spaces do not count", obj{"metadata": json.RawMessage(`{` + strings.Repeat(" ", 5000) + `"k":1}`)}, obj{"metadata": obj{"k": 1}}, ""},
	{"§2.1 metadata: 2 levels", obj{"metadata": obj{"a": obj{"b": "c"}}}, nil, ""},
	{"§2.1 metadata: 3 levels", obj{"metadata": obj{"a": obj{"b": obj{}}}}, nil, "metadata"},
	{"§2.1 metadata: a list", obj{"metadata": []any{}}, nil, "metadata"},
	{"§2.1 metadata: a string", obj{"metadata": "a=b"}, nil, "metadata"},
}

func TestMembers(t *testing.T)     { t.Parallel(); runCreations(t, dev, memberCases) }
func TestRedirectURL(t *testing.T) { t.Parallel(); runCreations(t, dev, urlCases) }
func TestLiveProject(t *testing.T) { t.Parallel(); runCreations(t, live, liveURLCases) }
func TestMetadata(t *testing.T)    { t.Parallel(); runCreations(t, dev, metadataCases) }
func TestMemberTypes(t *testing.T) { t.Parallel(); runCreations(t, dev, typeCases()) }
func TestNullMembers(t *testing.T) { t.Parallel(); runCreations(t, dev, nullCases()) }

func longURL(length int) string { return "https://shop.example/" + strings.Repeat("a", length-21) }

func members(count int) obj {
	m := obj{}
	for i := range count {
		m[fmt.Sprintf("m%d", i)] = i
	}
	return m
}

// wrongTypes holds, for each optional member, a value of a type it can't have.
var wrongTypes = obj{
	"customerId": 5, "type": 5, "sourceAmount": true, "sourceCurrency": 840, "destinationCurrency": obj{}, "network": 1,
	"destinationAddress": []any{wallet}, "redirectUrl": 5, "country": 1, "expiresInSeconds": obj{}, "metadata": 5, "fieldLocks": "all",
}

func typeCases() (cases []creation) {
	for _, m := range slices.Sorted(maps.Keys(wrongTypes)) {
		cases = append(cases, creation{"§1 a wrong member type is a 400 naming it: " + m, obj{m: wrongTypes[m]}, nil, m})
	}
	return append(cases, creation{"§1 a wrong member type is a 400 naming it: externalCustomerId", obj{"externalCustomerId": 5}, nil, "externalCustomerId"})
}

func nullCases() (cases []creation) {
	for _, m := range slices.Sorted(maps.Keys(wrongTypes)) {
		cases = append(cases, creation{"§2.1 null is an omitted member: " + m, obj{m: nil}, nil, ""})
	}
	return cases
}

// TestCreationAnswer: §2.1 Attributes of the answer.
func TestCreationAnswer(t *testing.T) {
	t.Parallel()
	s := dev.session(t, nil)
	t.Run("§1 unset optional attributes are null, not absent", func(t *testing.T) {
		t.Parallel()
		same(t, s.attrs, obj{
			"sessionId": s.id, "projectId": dev.ID, "type": "onramp", "status": "pending",
			"sourceAmount": nil, "sourceCurrency": nil, "destinationCurrency": nil, "destinationAddress": nil, "network": nil,
			"redirectUrl": nil, "country": nil, "metadata": nil, "fieldLocks": obj{}, "orderId": nil, "warnings": []any{},
		})
	})
	const uuid = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`
	for name, form := range map[string]string{
		"sessionId":    `^sess_[A-Za-z0-9_-]{22,}$`,
		"clientSecret": `^sess_secret_[A-Za-z0-9_-]{32,}$`,
		"projectId":    uuid,
		"customerId":   uuid,
		"createdAt":    `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`,
		"expiresAt":    `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`,
	} {
		t.Run("§2.1 form of "+name, func(t *testing.T) {
			t.Parallel()
			if got, _ := s.attrs[name].(string); !regexp.MustCompile(form).MatchString(got) {
				t.Errorf("%s is %q, want %s", name, got, form)
			}
		})
	}
	t.Run("§2.1 checkoutUrl: the secret is in the fragment only", func(t *testing.T) {
		t.Parallel()
		got, _ := s.attrs["checkoutUrl"].(string)
		before, fragment, _ := strings.Cut(got, "#")
		if !strings.HasPrefix(before, "http") || !strings.Contains(fragment, s.secret) || strings.Contains(before, s.secret) {
			t.Errorf("checkoutUrl is %q", got)
		}
	})
	for name, over := range map[string]obj{"default 1800": nil, "3600": {"expiresInSeconds": 3600}} {
		t.Run("§2.1 expiresAt is createdAt + expiresInSeconds: "+name, func(t *testing.T) {
			t.Parallel()
			want := 30 * time.Minute
			if over != nil {
				want = time.Hour
			}
			attrs := dev.session(t, over).attrs
			created, err1 := time.Parse(time.RFC3339, text(attrs["createdAt"]))
			expires, err2 := time.Parse(time.RFC3339, text(attrs["expiresAt"]))
			if err1 != nil || err2 != nil || expires.Sub(created) != want {
				t.Errorf("created %v, expires %v", attrs["createdAt"], attrs["expiresAt"])
			}
			if d := time.Since(created); d < -2*time.Second || d > time.Minute {
				t.Errorf("createdAt is %v from now", d)
			}
		})
	}
	t.Run("§2.1 clientSecret only in this answer; the rest reads the same", func(t *testing.T) {
		t.Parallel()
		want := merge(s.attrs, obj{"clientSecret": drop, "checkoutUrl": drop})
		got := s.read(t)
		same(t, got, want)
		if len(got) != len(want) {
			t.Errorf("GET has other attributes than the creation: %v", got)
		}
	})
	t.Run("§2.1 two creations, two sessions, two secrets", func(t *testing.T) {
		t.Parallel()
		a, b := dev.session(t, nil), dev.session(t, nil)
		if a.id == b.id || a.secret == b.secret {
			t.Error("session id or secret given twice")
		}
	})
}
