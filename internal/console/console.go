package console

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"tasksync/internal/story"
)

// ErrNotFound is what Source.Explain returns for an id that names no row.
var ErrNotFound = errors.New("no row has this id, nor a task or clip with it")

// ErrNoProvider is what Source.Pause returns for a name that no provider has.
var ErrNoProvider = errors.New("no provider has this name")

// Source is what the console shows, and does.
type Source interface {
	// Overview returns what the first page shows.
	Overview(ctx context.Context) (*Overview, error)
	// Explain tells the stories of the rows that an id names.
	Explain(ctx context.Context, id string) ([]*story.Story, error)
	// Retry makes a failed row pending again, and reports whether it was one.
	Retry(ctx context.Context, id string) (bool, error)
	// Pause has calls to a provider pause, and Resume go on. Resume reports whether
	// they do: a pause of all providers stands on.
	Pause(ctx context.Context, provider, reason string) error
	Resume(ctx context.Context, provider string) (bool, error)
}

// Config is what a Console needs.
type Config struct {
	Source Source // required
	// Password opens the console; empty: none does.
	Password string `json:"-"`
	// ProxyHeader is a header in which a proxy says who asks; empty: none is trusted.
	// Proxies are the addresses from which the header counts.
	ProxyHeader string
	Proxies     []netip.Prefix
	Actions     bool         // the page may retry rows, and pause providers
	Jobs        http.Handler // River UI, at /console/jobs; nil: there is none
	Logger      *slog.Logger // default: none
}

// Console serves. It is safe for concurrent use.
type Console struct {
	cfg    Config
	files  fs.FS
	tries  tries
	slots  chan struct{} // one for each story that is read now
	origin *http.CrossOriginProtection
	mux    *http.ServeMux
}

//go:embed page
var page embed.FS

// New returns a Console.
func New(cfg Config) *Console {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	files, _ := fs.Sub(page, "page") // it is there
	c := &Console{cfg: cfg, files: files, origin: http.NewCrossOriginProtection(), mux: http.NewServeMux(), slots: make(chan struct{}, maxStories)}
	c.mux.HandleFunc("GET /admin/generations/{id}", c.explainAdmin)
	if !c.on() {
		c.mux.HandleFunc("/console/", c.off)
		c.mux.HandleFunc("/console", c.off)
		return c
	}
	c.mux.HandleFunc("GET /console", c.home)
	c.mux.HandleFunc("GET /console/{$}", c.home)
	c.mux.HandleFunc("GET /console/{file}", c.file)
	c.mux.HandleFunc("POST /console/login", c.login)
	c.mux.HandleFunc("POST /console/logout", c.logout)
	c.mux.HandleFunc("GET /console/api/overview", c.signedIn(c.overview))
	c.mux.HandleFunc("GET /console/api/rows/{id}", c.signedIn(c.explain))
	c.mux.HandleFunc("POST /console/api/retry", c.signedIn(c.acting(c.retry)))
	c.mux.HandleFunc("POST /console/api/pause", c.signedIn(c.acting(c.pause)))
	c.mux.HandleFunc("POST /console/api/resume", c.signedIn(c.acting(c.resume)))
	if cfg.Jobs != nil {
		c.mux.HandleFunc("/console/jobs/", c.signedIn(c.jobs))
		c.mux.HandleFunc("GET /console/jobs", c.signedIn(c.jobs))
	}
	return c
}

func (c *Console) on() bool { return c.cfg.Password != "" || c.cfg.ProxyHeader != "" }

// policy permits what the page has, and River UI's styles, which it sets on elements.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if err := c.origin.Check(r); err != nil {
		problem(w, http.StatusForbidden, "the request comes from another site")
		return
	}
	c.mux.ServeHTTP(w, r)
}

func (c *Console) off(w http.ResponseWriter, _ *http.Request) {
	problem(w, http.StatusNotFound, "the console is off; set TASKSYNC_CONSOLE_PASSWORD, or TASKSYNC_CONSOLE_PROXY_HEADER, to switch it on")
}

// home shows the page, or the form for the password.
func (c *Console) home(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/console" { // the files beside the page are named from here
		http.Redirect(w, r, "/console/", http.StatusSeeOther)
		return
	}
	name, status := "index.html", http.StatusOK
	if !c.knows(r) {
		name, status = "login.html", http.StatusUnauthorized
	}
	c.send(w, name, status)
}

// types are those of the files that are served.
var types = map[string]string{ //nolint:gochecknoglobals // a constant table
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// file serves the files that the pages name; they hold nothing that is secret.
func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if strings.HasSuffix(name, ".html") {
		problem(w, http.StatusNotFound, "there is no such page")
		return
	}
	c.send(w, name, http.StatusOK)
}

func (c *Console) send(w http.ResponseWriter, name string, status int) {
	body, err := fs.ReadFile(c.files, name)
	if err != nil {
		problem(w, http.StatusNotFound, "there is no such page")
		return
	}
	w.Header().Set("Content-Type", types[name[strings.LastIndexByte(name, '.'):]])
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone
}

// signedIn lets requests of people through who have given the password.
func (c *Console) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !c.knows(r) {
			problem(w, http.StatusUnauthorized, "sign in at /console")
			return
		}
		next(w, r)
	}
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail}) // the client is gone
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client is gone
}

// answerTimeout bounds the queries of a request.
const answerTimeout = 20 * time.Second

// maxStories is how many stories are read at once. A search may read a whole table, on the
// connections that the passes use: however many ask, enough are left for these.
const maxStories = 2
