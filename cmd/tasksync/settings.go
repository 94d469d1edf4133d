package main

import (
	"encoding"
	"errors"
	"fmt"
	"log" //nolint:depguard // lines that libraries write there go to slog
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"tasksync/daemon"
)

// flagGroups are the subjects of the settings, as --help shows them. Flags without a
// group come first: those of the command itself.
func flagGroups() []kong.Group {
	return []kong.Group{
		{Key: "ends", Title: "How rows end:"},
		{Key: "provider", Title: "The provider's API:"},
		{Key: "looks", Title: "When rows are looked at:"},
		{Key: "http", Title: "The HTTP API for pages, and webhooks of providers:"},
		{Key: "log", Title: "The log:"},
		{Key: "feed", Title: "How tasksync hears of new rows (the feed):"},
		{Key: "archive", Title: "The archive:"},
		{Key: "notify", Title: "Webhooks to your servers:"},
		{Key: "console", Title: "The console:"},
	}
}

// databaseFlags say which database.
type databaseFlags struct {
	DatabaseURL string `env:"DATABASE_URL" placeholder:"URL" help:"The application's database, like postgres://user:password@host:5432/name."`
}

func (f databaseFlags) require() error {
	if f.DatabaseURL == "" {
		return usageError{errors.New("DATABASE_URL is not set; give the address of the database, like postgres://user:password@host:5432/name")}
	}
	return nil
}

// upstreamFlags say which upstream API to ask, and how.
type upstreamFlags struct {
	wordsFlags
	settleFlags
	Provider     string        `env:"TASKSYNC_PROVIDER" placeholder:"NAME" help:"The upstream API: ${providers}." group:"provider"`
	Providers    []string      `env:"TASKSYNC_PROVIDERS" placeholder:"NAME" help:"Several upstream APIs at once, the default one first; each has its own TASKSYNC_<NAME>_API_KEY, …_API_KEY_FILE, …_API_URL and …_RATE_LIMIT. A row names its provider in column provider." group:"provider"`
	APIURL       string        `name:"api-url" env:"TASKSYNC_API_URL" placeholder:"URL" help:"Base URL of the upstream API (default: the provider's own)." group:"provider"`
	APIKey       string        `name:"api-key" env:"TASKSYNC_API_KEY" placeholder:"KEY" help:"The upstream credential. Prefer the environment: flags show in process lists." group:"provider"`
	APIKeyFile   string        `name:"api-key-file" env:"TASKSYNC_API_KEY_FILE" placeholder:"FILE" help:"A file that holds the upstream credential." group:"provider"`
	Timeout      time.Duration `env:"TASKSYNC_TIMEOUT" default:"10m" help:"Deadline of a row after its created_at (${default})." group:"ends"`
	Grace        time.Duration `env:"TASKSYNC_GRACE" default:"1h" help:"How long after its deadline a row waits for an answer of its provider (${default})." group:"ends"`
	Late         string        `env:"TASKSYNC_LATE" default:"event" enum:"event,complete,off" help:"What happens to a result that comes after its row has failed at the deadline: event (it is kept beside the row), complete (the row becomes complete) or off (${default})." group:"ends"`
	Clips        string        `env:"TASKSYNC_CLIPS" default:"write" enum:"write,update" help:"Who makes clips: write (tasksync inserts those that are missing) or update (it only fills those that your application has inserted) (${default})." group:"ends"`
	Pace         string        `env:"TASKSYNC_PACE" default:"balanced" enum:"frugal,balanced,eager" help:"What counts more, few calls or finding results soon: frugal, balanced or eager (${default})." group:"looks"`
	KeepAnswers  daysFlag      `env:"TASKSYNC_KEEP_ANSWERS" default:"1d" placeholder:"TIME" help:"How long the looks at a row, and the provider's last answer without prompts and lyrics, are kept for tasksync explain; 0: they are not kept (${default})." group:"looks"`
	PollInterval time.Duration `env:"TASKSYNC_POLL_INTERVAL" help:"Fixed time between two looks at a row (default: by how long such tasks take, and the pace)." group:"looks"`
	RateLimit    string        `env:"TASKSYNC_RATE_LIMIT" placeholder:"RATE" help:"Calls to the upstream API that all daemons of the database may make together: 20/10s, 10/s, 600/m, or a number per second; 0: no limit (default: the provider's)." group:"provider"`
	CDNProbe     string        `name:"cdn-probe" env:"TASKSYNC_CDN_PROBE" default:"on" enum:"on,off" help:"Probe a derived CDN URL before it is published: ${enum}." group:"provider"`
}

// config returns a daemon's configuration with the flags.
func (f upstreamFlags) config(db databaseFlags) (daemon.Config, error) {
	if err := db.require(); err != nil {
		return daemon.Config{}, err
	}
	words, err := f.words()
	if err != nil {
		return daemon.Config{}, err
	}
	providers, err := f.providers(os.Getenv)
	switch {
	case err != nil:
		return daemon.Config{}, err
	case f.Grace < time.Second: // 0 would mean the default
		return daemon.Config{}, usageError{fmt.Errorf("TASKSYNC_GRACE %s is under a second", f.Grace)}
	}
	return daemon.Config{
		DatabaseURL: db.DatabaseURL, Providers: providers, Timeout: f.Timeout, Grace: f.Grace, Late: f.Late, Clips: f.Clips, Pace: f.Pace, PollInterval: f.PollInterval,
		StatusWords: words, KeepAnswers: f.KeepAnswers.orOff(), Settle: f.Settle,
		NoCDNProbe: f.CDNProbe == "off", Version: version(),
	}, nil
}

// daysFlag is a duration that may be given in days, like 7d.
type daysFlag time.Duration

var _ encoding.TextUnmarshaler = (*daysFlag)(nil)

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *daysFlag) UnmarshalText(text []byte) error {
	if days, err := strconv.ParseUint(strings.TrimSuffix(string(text), "d"), 10, 16); err == nil && (days == 0 || strings.HasSuffix(string(text), "d")) {
		*d = daysFlag(time.Duration(days) * 24 * time.Hour)
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is no duration like 1d, 36h or 0", text)
	}
	*d = daysFlag(parsed)
	return nil
}

// orOff returns the duration as daemon.Config has it: there 0 is the default, and less
// is off.
func (d daysFlag) orOff() time.Duration {
	if d == 0 {
		return -1
	}
	return time.Duration(d)
}

// logFlags say how to log. The log goes to standard error.
type logFlags struct {
	LogFormat string `env:"TASKSYNC_LOG_FORMAT" default:"auto" enum:"auto,text,json" help:"Log format: text, json or auto (text on a terminal, else json)." group:"log"`
	LogLevel  string `env:"TASKSYNC_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"Lowest level that is logged: ${enum}." group:"log"`
}

// logger returns the logger of the process, which is given the lines of the standard
// log too: libraries write there.
func (f logFlags) logger(std *streams) *slog.Logger {
	logger := f.newLogger(std)
	if std.err == os.Stderr {
		log.SetFlags(0)
		log.SetOutput(daemon.StandardLog(logger))
	}
	return logger
}

func (f logFlags) newLogger(std *streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // the enum has only levels
	if !f.json(std) {
		return slog.New(tint.NewTextHandler(std.err, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !coloured(std.err)}))
	}
	return slog.New(slog.NewJSONHandler(std.err, &slog.HandlerOptions{Level: level}))
}

// json reports whether the log is JSON.
func (f logFlags) json(std *streams) bool {
	return f.LogFormat == "json" || f.LogFormat == "auto" && !isTerminal(std.err)
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// coloured reports whether texts written to w have colours: see https://no-color.org.
func coloured(w any) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
