package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/api/apitest"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDocument holds the document to OpenAPI 3.1, its examples included.
func TestDocument(t *testing.T) {
	t.Parallel()
	doc := document(t)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q, want 3.1.0", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOperations holds the document to the contract's routes and says who may call each.
func TestOperations(t *testing.T) {
	t.Parallel()
	const secret, either, none = "apiKeyHeader secretKey", "apiKeyHeader publicKey secretKey", ""
	want := map[string]string{
		"createSession POST /v1/sessions":                                    secret,
		"listSessions GET /v1/sessions":                                      secret,
		"getSession GET /v1/sessions/{id}":                                   either,
		"confirmSession POST /v1/sessions/{id}/confirm":                      either,
		"createOrder POST /v1/sessions/{id}/order":                           either,
		"cancelSession POST /v1/sessions/{id}/cancel":                        secret,
		"listOrders GET /v1/orders":                                          secret,
		"getOrder GET /v1/orders/{id}":                                       secret,
		"createWebhook POST /v1/webhooks":                                    secret,
		"listWebhooks GET /v1/webhooks":                                      secret,
		"getWebhook GET /v1/webhooks/{id}":                                   secret,
		"updateWebhook PATCH /v1/webhooks/{id}":                              secret,
		"deleteWebhook DELETE /v1/webhooks/{id}":                             secret,
		"rotateWebhookSecret POST /v1/webhooks/{id}/rotate-secret":           secret,
		"testWebhook POST /v1/webhooks/{id}/test":                            secret,
		"listEvents GET /v1/events":                                          secret,
		"getEvent GET /v1/events/{id}":                                       secret,
		"listDeliveries GET /v1/events/{id}/deliveries":                      secret,
		"resendEvent POST /v1/events/{id}/resend":                            secret,
		"simulateOrder POST /v1/test_helpers/orders/{id}/simulate":           secret,
		"receiveNotification POST /gateways/{gatewayId}/webhook/{projectId}": none,
		"getSupported GET /public/v1/onramp/supported":                       none,
		"getQuotes GET /public/v1/onramp/quotes":                             none,
		"getTransaction GET /public/v1/onramp/transactions/{orderId}":        none,
		"getCheckout GET /public/v1/checkouts/{id}":                          "clientSecret",
		"checkAddress POST /public/v1/checkouts/{id}/address":                "clientSecret",
		"orderCheckout POST /public/v1/checkouts/{id}/order":                 "clientSecret",
		"getOpenAPI GET /openapi.yaml":                                       none,
		"getHealth GET /healthz":                                             none,
		"getReadiness GET /readyz":                                           none,
	}
	got := map[string]string{}
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security == nil {
				t.Errorf("%s %s: no security", method, path)
				continue
			}
			var schemes []string
			for _, requirement := range *op.Security {
				schemes = append(schemes, slices.Collect(maps.Keys(requirement))...)
			}
			slices.Sort(schemes)
			got[op.OperationID+" "+method+" "+path] = strings.Join(schemes, " ")
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("operations\n got %v\nwant %v", got, want)
	}
}

// TestExamples holds every operation to have examples that are valid, bodies to refer to a schema by name, and answers to
// say their request id.
func TestExamples(t *testing.T) {
	t.Parallel()
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(method+" "+path, func(t *testing.T) {
				t.Parallel()
				if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) == 0 {
					t.Error("wants operationId, summary, description and tag")
				}
				if op.RequestBody != nil {
					checkExamples(t, "request", op.RequestBody.Value.Content)
				}
				for status, ref := range op.Responses.Map() {
					if ref.Value.Headers["X-Request-Id"] == nil {
						t.Errorf("%s: no X-Request-Id", status)
					}
					checkExamples(t, status, ref.Value.Content)
				}
			})
		}
	}
}

func checkExamples(t *testing.T, where string, content openapi3.Content) {
	t.Helper()
	for media, c := range content {
		name, named := strings.CutPrefix(c.Schema.Ref, "#/components/schemas/")
		if !named {
			t.Errorf("%s %s: the schema has no name", where, media)
		}
		if len(c.Examples) == 0 {
			t.Errorf("%s %s: no example", where, media)
		}
		for title, example := range c.Examples {
			if example.Value.Summary == "" {
				t.Errorf("%s %s: no summary", where, title)
			}
			text, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			if err := apitest.Validate(name, text); err != nil {
				t.Errorf("%s %s: %v", where, title, err)
			}
		}
	}
}

// TestDescribed holds every schema, property, parameter and header to have a description.
func TestDescribed(t *testing.T) {
	t.Parallel()
	c := document(t).Components
	for name, schema := range c.Schemas {
		described(t, name, schema)
	}
	for name, p := range c.Parameters {
		if p.Value.Description == "" {
			t.Errorf("parameter %s: no description", name)
		}
	}
	for name, h := range c.Headers {
		if h.Value.Description == "" {
			t.Errorf("header %s: no description", name)
		}
	}
}

func described(t *testing.T, name string, schema *openapi3.SchemaRef) {
	t.Helper()
	if schema.Value.Description == "" {
		t.Errorf("%s: no description", name)
	}
	if schema.Ref != "" || len(schema.Value.AllOf) > 0 {
		return
	}
	for property, child := range schema.Value.Properties {
		described(t, name+"."+property, child)
	}
}

// TestErrorCodes holds the enum to the constants, each once, and every code to one status.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	doc := document(t)
	var codes []string
	for _, code := range doc.Components.Schemas["ErrorCode"].Value.Enum {
		codes = append(codes, fmt.Sprint(code))
	}
	if !slices.Equal(codes, api.ErrorCodes()) {
		t.Errorf("enum %v\nconstants %v", codes, api.ErrorCodes())
	}
	sorted := slices.Sorted(slices.Values(codes))
	if len(slices.Compact(sorted)) != len(codes) {
		t.Error("a code is there twice")
	}
	statuses := map[string]string{"NOT_FOUND": "404", "METHOD_NOT_ALLOWED": "405"}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, ref := range op.Responses.Map() {
				for _, code := range exampleCodes(t, ref.Value) {
					if was, ok := statuses[code]; ok && was != status {
						t.Errorf("%s %s: %s is %s and %s", method, path, code, was, status)
					}
					statuses[code] = status
				}
			}
		}
	}
	if got := slices.Sorted(maps.Keys(statuses)); !slices.Equal(got, sorted) {
		t.Errorf("codes with an example %v\nall %v", got, sorted)
	}
}

func exampleCodes(t *testing.T, r *openapi3.Response) []string {
	t.Helper()
	var codes []string
	for _, c := range r.Content {
		for _, example := range c.Examples {
			text, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			var env api.ErrorEnvelope
			if json.Unmarshal(text, &env) == nil && env.Error.Code != "" {
				codes = append(codes, env.Error.Code)
			}
		}
	}
	return codes
}

// TestOpenAPICopy: whoever changes what OpenAPI gave changes nothing for others.
func TestOpenAPICopy(t *testing.T) {
	t.Parallel()
	api.OpenAPI()[0] = '!'
	if api.OpenAPI()[0] == '!' {
		t.Error("not a copy")
	}
}
