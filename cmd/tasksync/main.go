// Command tasksync keeps the rows of music_generations in step with a
// Suno-style API. Run `tasksync --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"

	"tasksync/internal/demo"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	// exitInterrupted is the status that a shell expects of a command after Ctrl-C.
	exitInterrupted = 130
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// cli is the command line. Every setting is an environment variable too.
type cli struct {
	Run      runCmd      `cmd:"" help:"Keep the database in step with the upstream API until stopped."`
	Migrate  migrateCmd  `cmd:"" help:"Apply, take back or list the database migrations."`
	Adopt    adoptCmd    `cmd:"" help:"Let tasksync work on a table of your own, like songs."`
	Sync     syncCmd     `cmd:"" help:"Look at some rows now and print what became of each."`
	Retry    retryCmd    `cmd:"" help:"Make failed rows pending again."`
	Archive  archiveCmd  `cmd:"" help:"Say how the archive stands, or copy the files of rows from before into it."`
	Pending  pendingCmd  `cmd:"" help:"List the rows that have not ended, and why each of them waits."`
	Ls       lsCmd       `cmd:"" help:"List rows: pending, stuck or failed ones, or those of a user."`
	Explain  explainCmd  `cmd:"" help:"Tell what happened to a row, by the id of the row, its task or a clip."`
	Pause    pauseCmd    `cmd:"" help:"Make no calls to a provider until resume."`
	Resume   resumeCmd   `cmd:"" help:"Make calls again."`
	Notify   notifyCmd   `cmd:"" help:"List, replay or try the signed POSTs to your servers."`
	Settle   settleCmd   `cmd:"" help:"See to settlements: what your SQL function was told of the ends of rows."`
	Feed     feedCmd     `cmd:"" help:"Switch the triggers that announce new rows on or off."`
	Doctor   doctorCmd   `cmd:"" help:"Check what the daemon needs, and say what to do about what is missing."`
	Demo     demoCmd     `cmd:"" help:"Show everything at work: a private Postgres, a simulated upstream, the daemon."`
	Simulate simulateCmd `cmd:"" help:"Serve a simulated upstream API over HTTP."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	Healthcheck healthcheckCmd `cmd:"" help:"Ask a daemon on this machine whether it serves."`
	Completion  completionCmd  `cmd:"" help:"Print the code with which a shell completes tasksync's commands."`
	Man         manCmd         `cmd:"" help:"Print the man page."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// streams are where a command writes: results to out, everything else to err.
type streams struct {
	out, err io.Writer
	// log is set while lines of JSON are written to err: then everything else there is
	// a line of JSON too.
	log atomic.Pointer[slog.Logger]
}

// stopping says that a signal has come.
func (s *streams) stopping(signal os.Signal) {
	if logger := s.log.Load(); logger != nil {
		logger.Info("[TaskSync] Stopping; a second signal exits at once", "signal", signal.String())
		return
	}
	fmt.Fprintf(s.err, "tasksync: %s; stopping (a second one exits at once)\n", signal)
}

// failed says why the command ends.
func (s *streams) failed(err error) {
	if logger := s.log.Load(); logger != nil {
		logger.Error("[TaskSync] Ended by an error", "error", err)
		return
	}
	fmt.Fprintln(s.err, "tasksync:", err)
}

const description = `Keeps the rows of music_generations in step with a slow task API.

Insert a row with a task_id and a task_type; tasksync fills in its clips and its
status. DATABASE_URL and TASKSYNC_API_KEY are enough: tasksync run`

func run(args []string, out, errOut io.Writer) int {
	std := &streams{out: out, err: errOut}
	var c cli
	exited := -1
	parser, err := newParser(&c, kong.Writers(out, errOut), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		fmt.Fprintln(errOut, "tasksync:", err)
		return exitFailed
	}
	if completes(parser) {
		return exitOK
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "help" {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help, --version
		return exited
	case err != nil:
		fmt.Fprintf(errOut, "tasksync: %v\nRun tasksync --help, or tasksync COMMAND --help.\n", fromVariable(parser.Model, args, err))
		return exitUsage
	}
	nameUnknown(parser.Model, os.Environ(), errOut)
	ctx, stop := signals(std)
	defer stop()
	kctx.BindTo(ctx, (*context.Context)(nil))
	return report(kctx.Run(std), std)
}

// newParser makes the parser of the command line. Empty variables of the environment count
// as unset from then on.
func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
	parser, err := kong.New(c, append(options, kong.Name("tasksync"), kong.Description(description), tagVars(),
		kong.ExplicitGroups(flagGroups()), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))...)
	if err != nil {
		return nil, err
	}
	return parser, unsetEmpty(parser.Model)
}

// tagVars are the names of the built-in providers, for the tags of the flags.
func tagVars() kong.Vars {
	names := providerNames()
	last := len(names) - 1
	return kong.Vars{
		"version":          versionLine(),
		"providers":        strings.Replace(strings.Join(names[:last], ", "), ",", " (default),", 1) + " or " + names[last],
		"provider_names":   strings.Join(names, ","),
		"default_provider": names[0],
	}
}

// errQuiet fails a command that has printed why already.
var errQuiet = errors.New("failed")

// errInterrupted ends a command that a signal cut short.
var errInterrupted = errors.New("interrupted")

func report(err error, std *streams) int {
	_, usage := errors.AsType[usageError](err)
	code := exitFailed
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errQuiet):
		return exitFailed
	case errors.Is(err, errInterrupted), errors.Is(err, demo.ErrInterrupted):
		code = exitInterrupted
	case usage:
		code = exitUsage
	}
	std.failed(err)
	return code
}

// signals returns a context that ends with the first SIGINT or SIGTERM; a second
// one ends the process at once.
func signals(std *streams) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case s := <-received:
				if !first {
					os.Exit(exitStatus(s))
				}
				std.stopping(s)
				cancel()
			}
		}
	}()
	return ctx, func() { signal.Stop(received); close(done); cancel() }
}

// exitStatus is the status that a shell expects of a process that a signal ended.
func exitStatus(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return exitFailed
}
