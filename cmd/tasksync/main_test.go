package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// asCommand is the variable that makes the test binary be tasksync itself, so that
// tests can start, stop and kill real processes.
const asCommand = "TASKSYNC_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if name := os.Getenv(asStandIn); name != "" {
		os.Exit(standIn(name, os.Args[1:]))
	}
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	flag.Parse()
	// These tests mostly wait for daemons, so more of them than there are processors
	// can run at once. Each has some twenty connections to the database.
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", strconv.Itoa(max(8, runtime.GOMAXPROCS(0))))
	}
	postgrestest.Main(m)
}

// process is a running tasksync.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; err is set then
	err  error

	mu   sync.Mutex
	log  strings.Builder
	addr chan string // where metrics and health are served, once it says so
}

// start runs tasksync with args and settings, in a process of its own that is
// killed with the test. In every test the process must have logged no prompt, no
// lyric and no key.
func start(t *testing.T, settings map[string]string, args ...string) *process {
	t.Helper()
	p := &process{done: make(chan struct{}), addr: make(chan string, 1)}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), asCommand+"=1", "TASKSYNC_LOG_FORMAT=json", "TASKSYNC_ADMIN_ADDR=127.0.0.1:0")
	for name, value := range settings {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(stderr)
	}()
	go func() {
		<-read
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		p.keepsSecrets(t, settings)
	})
	return p
}

// keepsSecrets asserts that the log has no words of the simulator's prompts and
// lyrics in it, and none of the keys in settings.
func (p *process) keepsSecrets(t *testing.T, settings map[string]string) {
	t.Helper()
	secrets := simulator.Planted()
	for name, value := range settings {
		if strings.HasSuffix(name, "_API_KEY") && len(value) > len("a key") {
			secrets = append(secrets, value)
		}
	}
	for line := range strings.Lines(p.output()) {
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("the log has %q in it: %s", secret, line)
				return // one is enough
			}
		}
	}
}

var readyLine = regexp.MustCompile(`"msg":"\[TaskSync\] Ready".*"admin_addr":"([^"]+)"`)

func (p *process) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20) // after a longer line the scanner stops, and the process blocks
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
			p.addr <- m[1]
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// ready waits until the daemon logs the address of metrics and health, and returns it.
func (p *process) ready(t *testing.T) (addr string) {
	t.Helper()
	select {
	case addr = <-p.addr:
		return addr
	case <-p.done:
		t.Fatalf("tasksync ended: %v\n%s", p.err, p.output())
	case <-time.After(2 * time.Minute):
		t.Fatalf("tasksync is not ready\n%s", p.output())
	}
	return ""
}

// stop sends SIGTERM, waits for the end and returns the exit status.
func (p *process) stop(t *testing.T) (exit int) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var b strings.Builder
	_, err = bufio.NewReader(resp.Body).WriteTo(&b)
	require.NoError(t, err)
	return resp.StatusCode, b.String()
}
