package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/vault"
)

type devCommand struct {
	Addr        string `env:"SLIPROAD_ADDR" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to listen on; port 0 picks one."`
	Data        string `env:"SLIPROAD_DATA" default:"./sliproad-data" placeholder:"DIR" help:"Where the database, the master key and the keys are kept."`
	JSON        bool   `name:"json" help:"Print one line of JSON when ready; logs go to stderr."`
	serverFlags `embed:""`
}

// devFile is what a development server keeps beside its database, readable by its owner alone.
type devFile struct {
	MasterKey string `json:"masterKey"`
	ProjectID string `json:"projectId"`
	SecretKey string `json:"secretKey"`
	PublicKey string `json:"publicKey"`
}

const (
	devDatabase = "sliproad.db"
	devKeys     = "dev.json"
)

func (c *devCommand) Run(ctx context.Context, s streams) error {
	set, wrong := c.understand(true)
	set.addr = wrong.listen("--addr (SLIPROAD_ADDR)", c.Addr)
	if err := wrong.err(); err != nil {
		return err
	}
	keys, err := readDevFile(c.Data)
	if err != nil {
		return err
	}
	if set.ring, err = vault.Parse(keys.MasterKey); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.Data, devKeys), err)
	}
	set.database = "sqlite:" + filepath.Join(c.Data, devDatabase)
	srv, err := newServer(ctx, set, true, s.err)
	if err != nil {
		return err
	}
	project := checkout.Project{ID: checkout.ProjectID(keys.ProjectID), Name: "Development", Mode: checkout.ModeTest}
	if err := srv.app.EnsureProject(ctx, project, keys.SecretKey, keys.PublicKey); err != nil {
		return errors.Join(err, srv.closeAll())
	}
	if err := c.announce(s, srv, keys); err != nil {
		return errors.Join(err, srv.closeAll())
	}
	return srv.run(ctx)
}

// readDevFile reads the keys of the data directory, and makes them on the first start.
func readDevFile(dir string) (devFile, error) {
	keys, err := readDevFileIfThere(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return keys, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return devFile{}, err
	}
	var seed checkout.Seed
	_, _ = rand.Read(seed[:])
	keys = devFile{
		MasterKey: vault.Generate(), ProjectID: string(seed.ProjectID(time.Now())),
		SecretKey: seed.APIKey(0, checkout.KeySecret, checkout.ModeTest), PublicKey: seed.APIKey(1, checkout.KeyPublic, checkout.ModeTest),
	}
	text, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return keys, err
	}
	if err := publishFile(filepath.Join(dir, devKeys), append(text, '\n')); err != nil {
		return keys, err
	}
	return readDevFileIfThere(dir) // another start may have been faster
}

func readDevFileIfThere(dir string) (keys devFile, err error) {
	path := filepath.Join(dir, devKeys)
	text, err := os.ReadFile(path)
	if err != nil {
		return keys, err
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		return keys, fmt.Errorf("%s is damaged (%w); delete the directory %s to start anew", path, err, dir)
	}
	return keys, nil
}

// publishFile makes the file whole or not at all, readable by its owner alone; a file that is there stays.
func publishFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, os.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(f.Name()))
}

func (c *devCommand) announce(s streams, srv *server, keys devFile) error {
	metrics := ""
	if srv.metrics != nil {
		metrics = "http://" + reachable(srv.metrics.Addr()) + "/metrics"
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(struct {
			URL        string `json:"url"`
			ProjectID  string `json:"projectId"`
			SecretKey  string `json:"secretKey"`
			PublicKey  string `json:"publicKey"`
			MetricsURL string `json:"metricsUrl,omitempty"`
			Data       string `json:"data"`
		}{srv.url, keys.ProjectID, keys.SecretKey, keys.PublicKey, metrics, c.Data})
	}
	_, err := fmt.Fprintf(s.out, `sliproad %s, development server

  URL         %s
  project     %s  (test)
  secret key  %s
  public key  %s
  metrics     %s
  data        %s  (the keys stay the same as long as it does)

Create a session:

  curl %s/v1/sessions \
    -H "Authorization: Bearer %s" \
    -H "Content-Type: application/json" \
    -d '{"externalCustomerId": "user-1", "sourceAmount": "100.00", "sourceCurrency": "USD",
         "destinationCurrency": "ETH", "network": "ethereum",
         "destinationAddress": "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"}'

Open the checkoutUrl of the answer in a browser, and buy. Stop with Ctrl-C.

`, version(), srv.url, keys.ProjectID, keys.SecretKey, keys.PublicKey, metrics, c.Data, srv.url, keys.SecretKey)
	return err
}
