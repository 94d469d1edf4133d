package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The commands of the pages are run by a shell in which these names are the test binary
// itself: tasksync, which it is anyway, and stand-ins for programs that a machine may not
// have, or that take minutes. Each is as strict as the program.
const (
	// asStandIn is the variable with the name of the program.
	asStandIn = "TASKSYNC_TEST_STAND_IN"
	// pageServer is the variable with the address of the test, which starts what keeps
	// running.
	pageServer = "TASKSYNC_TEST_PAGE"
)

// stopDaemon is a command for hidden blocks: it stops what `tasksync run` has started.
const stopDaemon = "stop-daemon"

var standIns = map[string]func(args []string) error{ //nolint:gochecknoglobals // a constant table
	"tasksync": tasksyncOfPage, "psql": psqlOfPage, "curl": curlOfPage, "goose": gooseOfPage, "make": makeOfPage, "go": goOfPage, "openssl": opensslOfPage,
	stopDaemon: func([]string) error { return tasksyncOfPage([]string{stopDaemon}) },
}

func standIn(name string, args []string) (exit int) {
	if err := standIns[name](args); err != nil {
		if status, ok := errors.AsType[exitStatusError](err); ok {
			return int(status)
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return exitFailed
	}
	return exitOK
}

type exitStatusError int

func (e exitStatusError) Error() string { return fmt.Sprint("exit status ", int(e)) }

// startRequest asks the test to start a command that keeps running.
type startRequest struct {
	Args []string
	Env  []string
}

// tasksyncOfPage runs a command. One that keeps running is started by the test, and
// returns when it serves.
func tasksyncOfPage(args []string) error {
	if len(args) == 0 || !slices.Contains([]string{"run", "simulate", stopDaemon}, args[0]) || slices.Contains(args, "--help") {
		_ = os.Unsetenv(asStandIn)
		if exit := run(args, os.Stdout, os.Stderr); exit != exitOK {
			return exitStatusError(exit)
		}
		return nil
	}
	body, err := json.Marshal(startRequest{args, os.Environ()})
	if err != nil {
		return err
	}
	return request(http.MethodPost, os.Getenv(pageServer), bytes.NewReader(body), nil, io.Discard)
}

// request sends a request and copies the body of the response; a status from 400 on is an
// error.
func request(method, address string, body io.Reader, header http.Header, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), worldPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := io.Copy(io.MultiWriter(out, &text), resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s %s", method, address, resp.Status, text.String())
	}
	return nil
}

// curlOfPage knows -s, -f, -X, -H and -d. A refusal is an error, also without -f.
func curlOfPage(args []string) error {
	method, body, header, address := http.MethodGet, "", http.Header{}, ""
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-s", arg == "-f", arg == "-sf":
		case i+1 < len(args) && arg == "-X":
			i++
			method = args[i]
		case i+1 < len(args) && arg == "-H":
			i++
			name, value, ok := strings.Cut(args[i], ": ")
			if !ok {
				return fmt.Errorf("%q is no header", args[i])
			}
			header.Add(name, value)
		case i+1 < len(args) && arg == "-d":
			i++
			method, body = http.MethodPost, args[i]
		case strings.HasPrefix(arg, "http") && address == "":
			address = arg
		default:
			return fmt.Errorf("the stand-in does not know %q", arg)
		}
	}
	return request(method, address, strings.NewReader(body), header, os.Stdout)
}

// psqlOfPage knows an address, -At, and -c or statements at standard input, with \gexec.
func psqlOfPage(args []string) error {
	address, text := "", ""
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-At":
		case i+1 < len(args) && arg == "-c":
			i++
			text += args[i] + ";\n"
		case strings.HasPrefix(arg, "postgres://") && address == "":
			address = arg
		default:
			return fmt.Errorf("the stand-in does not know %q", arg)
		}
	}
	if text == "" {
		in, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		text = string(in)
	}
	ctx, cancel := context.WithTimeout(context.Background(), worldPatience)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return sqlOfPage(ctx, conn, text)
}

// sqlOfPage runs statements one after the other. Those before \gexec are queries for
// statements.
func sqlOfPage(ctx context.Context, conn *pgx.Conn, text string) error {
	for _, sql := range statementsOf(text) {
		query, executes := strings.CutSuffix(sql, `\gexec`)
		rows, err := conn.PgConn().Exec(ctx, query).ReadAll()
		if err != nil {
			return fmt.Errorf("%w in %s", err, sql)
		}
		for _, result := range rows {
			for _, row := range result.Rows {
				line := string(bytes.Join(row, []byte("|")))
				if !executes {
					fmt.Println(line)
					continue
				}
				if err := conn.PgConn().Exec(ctx, line).Close(); err != nil {
					return fmt.Errorf("%w in %s", err, line)
				}
			}
		}
	}
	return nil
}

var dollars = regexp.MustCompile(`\$[a-z_]*\$`)

// statementsOf splits a script at the ends of lines that end a statement, and that do not
// stand in a body between dollars.
func statementsOf(text string) (all []string) {
	var b strings.Builder
	inBody := false
	for line := range strings.Lines(text) {
		if b.WriteString(line); len(dollars.FindAllString(line, -1))%2 == 1 {
			inBody = !inBody
		}
		code, _, _ := strings.Cut(line, " --")
		if code = strings.TrimSpace(code); !inBody && (strings.HasSuffix(code, ";") || strings.HasSuffix(code, `\gexec`)) {
			all = append(all, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		all = append(all, rest)
	}
	return all
}

// gooseOfPage takes the one form that is documented, and does the same by tasksync's own
// goose. Package migrations tests the real command.
func gooseOfPage(args []string) error {
	if want := []string{"-dir", "migrations", "postgres", os.Getenv("DATABASE_URL"), "up"}; !slices.Equal(args, want) {
		return fmt.Errorf("%q instead of %q", args, want)
	}
	if table := os.Getenv("GOOSE_TABLE"); table != "public.tasksync_goose_version" {
		return fmt.Errorf("GOOSE_TABLE is %q", table)
	}
	return tasksyncOfPage([]string{"migrate", "up"})
}

// makeOfPage asserts that the target exists.
func makeOfPage(args []string) error {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		return err
	}
	for _, arg := range args {
		if name, _, isVariable := strings.Cut(arg, "="); isVariable {
			if !strings.Contains(string(makefile), "$("+name+")") && name != "PG" {
				return fmt.Errorf("no target uses %s", arg)
			}
		} else if !strings.Contains(string(makefile), "\n"+arg+":") {
			return fmt.Errorf("there is no target %s", arg)
		}
	}
	return nil
}

// goOfPage asserts that what is installed or run exists.
func goOfPage(args []string) error {
	switch {
	case slices.Equal(args, []string{"env", "GOPATH"}):
		fmt.Println("/go")
	case len(args) >= 2 && (args[0] == "install" || args[0] == "run" || args[0] == "build") && strings.HasPrefix(args[1], "./"):
		_, err := os.Stat(args[1])
		return err
	case len(args) == 2 && args[0] == "install" && strings.HasPrefix(args[1], "github.com/pressly/goose/v3/cmd/goose@v"):
	default:
		return fmt.Errorf("the stand-in does not know %q", args)
	}
	return nil
}

// opensslOfPage knows rand with -hex or -base64.
func opensslOfPage(args []string) error {
	if len(args) != 3 || args[0] != "rand" {
		return fmt.Errorf("the stand-in does not know %q", args)
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	secret := make([]byte, n)
	_, _ = rand.Read(secret) // never an error
	switch args[1] {
	case "-hex":
		fmt.Println(hex.EncodeToString(secret))
	case "-base64":
		fmt.Println(base64.StdEncoding.EncodeToString(secret))
	default:
		return fmt.Errorf("the stand-in does not know %q", args)
	}
	return nil
}

// awaitServer waits until an address is served.
func awaitServer(ctx context.Context, address string) error {
	for {
		err := request(http.MethodGet, address, nil, nil, io.Discard)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
