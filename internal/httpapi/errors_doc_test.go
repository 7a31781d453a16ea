package httpapi_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/httpapi"
)

//go:generate go test -run ^TestErrorsDoc$ -update

var update = flag.Bool("update", false, "write the generated files")

// TestErrorsDoc holds docs/errors.md to the tables of codes, or writes it with -update.
func TestErrorsDoc(t *testing.T) {
	t.Parallel()
	const path = "../../docs/errors.md"
	var b strings.Builder
	b.WriteString(`# Error codes

<!-- Generated from checkout.Codes and httpapi.CodeStatus by make generate; do not edit. -->

Every answer that is not 2xx has this body, and its ` + "`requestId` is the header `X-Request-Id`" + `:

` + "```json" + `
{"success": false, "error": {"code": "VALIDATION_ERROR", "message": "…", "details": [{"field": "…", "message": "…"}], "requestId": "req_…"}}
` + "```" + `

` + "`details`" + ` names every failing member of the request at once; a path such as ` + "`fieldLocks.sourceAmount.min`" + ` leads into objects.
A code always comes with the same status. An answer that says so in the third column has a ` + "`Retry-After`" + ` of at least so many
seconds.

| Code | Status | Retry-After | Meaning | What to do |
|---|---|---|---|---|
`)
	for _, info := range checkout.Codes {
		row := httpapi.CodeStatus[info.Code]
		after := ""
		if row.RetryAfterSeconds > 0 {
			after = fmt.Sprint(row.RetryAfterSeconds)
		}
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s | %s |\n", info.Code, row.Status, after, info.Meaning, info.Remedy)
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the tables say; run: make generate (%v)", path, err)
	}
}
