package vault_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/vault"
)

func parse(t *testing.T, text string) *vault.Ring {
	t.Helper()
	ring, err := vault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, fresh := vault.Generate(), vault.Generate()
	before, during, after := parse(t, old), parse(t, fresh+","+old), parse(t, fresh)

	token, keyID := before.Token("client secret", "sess_1")
	sealed := before.Seal([]byte("hook secret"), "webhook 1")

	if got := during.TokenBy(keyID, "client secret", "sess_1"); got != token {
		t.Errorf("with both keys in the ring the old token is derived as %q, want the one first made", got)
	}
	if plain, err := during.Open(sealed, "webhook 1"); err != nil || string(plain) != "hook secret" {
		t.Errorf("with both keys in the ring the old seal opens to %q, %v", plain, err)
	}
	if newToken, newID := during.Token("client secret", "sess_1"); newToken == token || newID == keyID {
		t.Error("new tokens are still made with the old key")
	}
	if got := after.TokenBy(keyID, "client secret", "sess_1"); got != "" || vault.Equal(got, "") {
		t.Errorf("a key that left the ring still derives %q", got)
	}
	if _, err := after.Open(sealed, "webhook 1"); err == nil || !strings.Contains(err.Error(), "not in the ring") {
		t.Errorf("a seal by a key that left the ring opens: %v", err)
	}
}

func TestSealHoldsItsContext(t *testing.T) {
	t.Parallel()
	ring := parse(t, vault.Generate())
	sealed := ring.Seal([]byte("secret"), "a")
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("the seal shows its text")
	}
	if _, err := ring.Open(sealed, "b"); err == nil {
		t.Error("opens in another context")
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if _, err := ring.Open(broken, "a"); err == nil {
			t.Errorf("opens with byte %d changed", i)
		}
		if _, err := ring.Open(sealed[:i], "a"); err == nil {
			t.Errorf("opens when cut to %d bytes", i)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	key := vault.Generate()
	for _, text := range []string{"", " , ", "c2hvcnQ=", "not base64!", key + "," + key} {
		if _, err := vault.Parse(text); err == nil {
			t.Errorf("Parse(%q) takes it", text)
		}
	}
}
