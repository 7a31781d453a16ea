package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// databaseFlags say which database a command works on. It may do so while a server runs on it.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" env:"SLIPROAD_DATABASE_URL" placeholder:"URL" help:"sqlite:PATH or postgres://…. Default: that of the development server in --data."`
	Data        string `env:"SLIPROAD_DATA" default:"./sliproad-data" placeholder:"DIR" help:"A development server's directory."`
}

func (f databaseFlags) url() (string, error) {
	if f.DatabaseURL != "" {
		return f.DatabaseURL, nil
	}
	path := filepath.Join(f.Data, devDatabase)
	if _, err := os.Stat(path); err != nil {
		return "", errors.New("there is no database: set --database-url (SLIPROAD_DATABASE_URL), or --data to a development server's directory")
	}
	return "sqlite:" + path, nil
}

// withDatabase opens the database for a command, and refuses a schema that it does not know.
func (f databaseFlags) withDatabase(ctx context.Context, fn func(*app.App) error) error {
	return f.withApp(ctx, app.Config{}, fn)
}

// withApp is withDatabase for a command that needs more than the database.
func (f databaseFlags) withApp(ctx context.Context, config app.Config, fn func(*app.App) error) error {
	url, err := f.url()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, url, store.Options{ReadConns: 2, MustExist: true})
	if err != nil {
		return err
	}
	err = db.CheckSchema(ctx)
	if err == nil {
		config.DB = db
		err = fn(app.New(config))
	}
	return errors.Join(err, db.Close())
}

type projectCommand struct {
	Create  projectCreate  `cmd:"" help:"Create a project, and show its keys: once."`
	Update  projectUpdate  `cmd:"" help:"Change a project's settings; running servers take them up within a second."`
	Brand   projectBrand   `cmd:"" help:"Show or change how a project's hosted checkout looks."`
	Routing projectRouting `cmd:"" help:"Show or set the rules by which a project's orders find their gateways."`
	List    projectList    `cmd:"" help:"List the projects."`
}

// projectSettings are what a project may be told of itself.
type projectSettings struct {
	DefaultGateway *string  `placeholder:"ID" help:"The gateway of orders that name none, or auto."`
	AllowedOrigins []string `name:"allowed-origin" placeholder:"ORIGIN" help:"An origin whose pages may call the browser routes and show the hosted checkout in a frame, such as https://shop.example.com; repeat for more. Without any, all may call and none may frame. none: clears the list."`
	StrictAddress  *bool    `negatable:"" help:"Refuse mixed-case EVM addresses whose checksum is wrong."`
}

func (f projectSettings) apply(p *checkout.Project) error {
	if f.DefaultGateway != nil {
		if err := knownGateway(*f.DefaultGateway); err != nil {
			return err
		}
		p.DefaultGateway = *f.DefaultGateway
	}
	if f.StrictAddress != nil {
		p.StrictAddress = *f.StrictAddress
	}
	if len(f.AllowedOrigins) == 0 {
		return nil
	}
	p.AllowedOrigins = nil
	for _, o := range f.AllowedOrigins {
		if o == "none" {
			continue
		}
		origin, ok := checkout.Origin(o)
		if !ok {
			return fmt.Errorf("--allowed-origin: %q is not an origin, such as https://shop.example.com", o)
		}
		p.AllowedOrigins = append(p.AllowedOrigins, origin)
	}
	return nil
}

type projectCreate struct {
	Name            string `required:"" help:"What you call it."`
	Mode            string `required:"" enum:"test,live" help:"test moves no money; live does."`
	JSON            bool   `name:"json" help:"Print one line of JSON: projectId, secretKey, publicKey."`
	projectSettings `embed:""`
	databaseFlags   `embed:""`
}

func (c *projectCreate) Run(ctx context.Context, s streams) error {
	project := checkout.Project{Name: strings.TrimSpace(c.Name), Mode: checkout.Mode(c.Mode)}
	if project.Name == "" {
		return errors.New("--name must not be empty")
	}
	if err := c.apply(&project); err != nil {
		return err
	}
	return c.withDatabase(ctx, func(a *app.App) error {
		p, keys, err := a.CreateProject(ctx, project)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(struct {
				ProjectID string `json:"projectId"`
				SecretKey string `json:"secretKey"`
				PublicKey string `json:"publicKey"`
			}{string(p.ID), keys[0].Text, keys[1].Text})
		}
		_, err = fmt.Fprintf(s.out, "project     %s  %s (%s)\nsecret key  %s\npublic key  %s\n\nThe keys are not shown again.\n", p.ID, p.Name, p.Mode, keys[0].Text, keys[1].Text)
		return err
	})
}

type projectUpdate struct {
	ID              string `arg:"" help:"The project's id."`
	Name            string `help:"What you call it."`
	projectSettings `embed:""`
	databaseFlags   `embed:""`
}

func (c *projectUpdate) Run(ctx context.Context, s streams) error {
	return c.withDatabase(ctx, func(a *app.App) error {
		p, err := a.DB.Project(ctx, checkout.ProjectID(c.ID))
		if errors.Is(err, store.ErrNotFound) {
			return noProject(c.ID)
		}
		if err != nil {
			return err
		}
		if c.Name != "" {
			p.Name = c.Name
		}
		if err := c.apply(p); err != nil {
			return err
		}
		if err := a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.UpdateProject(p) }); err != nil {
			return err
		}
		return printProjects(s, []*checkout.Project{p})
	})
}

func noProject(id string) error {
	return errors.New("there is no project " + id + "; see: sliproad project list")
}

type projectList struct {
	JSON          bool `name:"json" help:"Print JSON."`
	databaseFlags `embed:""`
}

func (c *projectList) Run(ctx context.Context, s streams) error {
	return c.withDatabase(ctx, func(a *app.App) error {
		projects, err := a.DB.Projects(ctx)
		if err != nil || !c.JSON {
			return errors.Join(err, printProjects(s, projects))
		}
		type row struct {
			ProjectID      string   `json:"projectId"`
			Name           string   `json:"name"`
			Mode           string   `json:"mode"`
			DefaultGateway string   `json:"defaultGateway"`
			AllowedOrigins []string `json:"allowedOrigins"`
			StrictAddress  bool     `json:"strictAddress"`
			CreatedAt      string   `json:"createdAt"`
		}
		rows := []row{}
		for _, p := range projects {
			rows = append(rows, row{string(p.ID), p.Name, string(p.Mode), p.DefaultGateway, append([]string{}, p.AllowedOrigins...), p.StrictAddress, p.CreatedAt.Format(time.RFC3339)})
		}
		return json.NewEncoder(s.out).Encode(rows)
	})
}

func printProjects(s streams, projects []*checkout.Project) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PROJECT\tNAME\tMODE\tGATEWAY\tORIGINS\tSTRICT\tCREATED")
	for _, p := range projects {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%v\t%s\n", p.ID, p.Name, p.Mode, or(p.DefaultGateway, "(default)"), or(strings.Join(p.AllowedOrigins, " "), "(any)"), p.StrictAddress, p.CreatedAt.Format(time.RFC3339))
	}
	return w.Flush()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
