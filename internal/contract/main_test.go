package contract_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// The projects of the shared server. All have the same base URL.
var (
	dev   project // the one that a development server makes
	other project // a second test project
	live  project // a project in live mode
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The cases wait for the server far more than they compute.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(sliproadtest.Main(m, share))
}

// share starts the server that most cases share, and holds its run to §2.1 in the end.
func share(tb testing.TB) {
	// Loopback is a trusted proxy here, so that a case can come from any address.
	srv := start(tb, "SLIPROAD_TRUSTED_PROXIES=127.0.0.0/8,::1/128")
	dev, other, live = srv.project, srv.newProject(tb, "other", "test"), srv.newProject(tb, "live", "live")
	expired = expireOne()
	tb.Cleanup(func() {
		web.CloseIdleConnections()
		srv.Stop()
		srv.leaks(tb)
	})
}

// server is a running server, one process or two nodes behind a balancer, and the project that it announced.
type server struct {
	project
	*sliproadtest.Server
}

// start runs a server with the settings, "NAME=value". It is killed at the end if it has not been stopped.
func start(tb testing.TB, settings ...string) *server {
	tb.Helper()
	s := &server{Server: sliproadtest.Start(tb, sliproadtest.Env(settings...))}
	s.project = s.announced(tb)
	return s
}

// announced is the project of the ready line, or of the command that made it.
func (s *server) announced(tb testing.TB) project {
	tb.Helper()
	p := project{strings.TrimSuffix(s.URL, "/"), s.ProjectID, s.SecretKey, s.PublicKey}
	if p.Base == "" || p.ID == "" || p.SK == "" || p.PK == "" {
		tb.Fatalf("the ready line lacks url, projectId, secretKey or publicKey: %+v", p)
	}
	return p
}

// launch is start for one test, which ends with a clean stop.
func launch(t *testing.T, settings ...string) *server {
	t.Helper()
	s := start(t, settings...)
	t.Cleanup(func() {
		web.CloseIdleConnections()
		s.Stop()
	})
	return s
}

// leaks holds §2.1 to the finished run: clientSecret and keys are never logged,
// and no clientSecret and no key is in the clear in the database.
func (s *server) leaks(tb testing.TB) {
	tb.Helper()
	for _, secret := range []string{"sess_secret_", dev.SK, dev.PK, other.SK, other.PK, live.SK} {
		if strings.Contains(s.Log(), secret) {
			tb.Errorf("§2.1 never logged: the log holds %.16s…", secret)
		}
	}
	for place, text := range s.AtRest(tb) {
		for _, secret := range []string{"sess_secret_", other.SK, live.SK} {
			if bytes.Contains(text, []byte(secret)) {
				tb.Errorf("§2.1 never stored in the clear: %s holds %.16s…", place, secret)
			}
		}
	}
}

// newProject makes a project with the command line against the running data.
func (s *server) newProject(tb testing.TB, name, mode string) project {
	tb.Helper()
	out := s.Command("project", "create", "--name", name, "--mode", mode, "--json")
	p := project{}
	if err := json.Unmarshal([]byte(out.Stdout), &p); err != nil || out.Code != 0 {
		tb.Fatalf("project create: %+v", out)
	}
	p.Base = s.project.Base
	return p
}
