package main

import (
	"debug/elf"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// systemd hears that the daemon is ready, alive and stopping; healthcheck asks the same
// daemon from another process.
func TestSupervisors(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "notify") // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	hear := func() string {
		require.NoError(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
		buf := make([]byte, 256)
		n, err := socket.Read(buf)
		require.NoError(t, err)
		return string(buf[:n])
	}

	w := newE2E(t, "sunoapi", 1)
	settings := w.settings()
	settings["NOTIFY_SOCKET"], settings["WATCHDOG_USEC"] = filepath.Join(dir, "s"), "300000"
	d := start(t, settings, "run")
	require.Equal(t, "READY=1", hear())
	require.Equal(t, "WATCHDOG=1", hear())
	addr := d.ready(t)
	for _, arg := range []string{"", "--ready"} {
		args := append([]string{"healthcheck", "--admin-addr", addr}, strings.Fields(arg)...)
		code, out := tasksync(args...)
		require.Zero(t, code, out)
		require.Contains(t, out, `"status"`)
	}
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	code, out := tasksync("healthcheck", "--admin-addr", "0.0.0.0:"+port)
	require.Zero(t, code, out)

	require.NoError(t, d.cmd.Process.Signal(syscall.SIGSTOP)) // a process that hangs is not alive
	for {
		require.NoError(t, socket.SetReadDeadline(time.Now().Add(time.Second)))
		if _, err := socket.Read(make([]byte, 256)); err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			break
		}
	}
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGCONT))
	require.Equal(t, "WATCHDOG=1", hear())
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGTERM))
	said := hear()
	for said == "WATCHDOG=1" {
		said = hear()
	}
	require.Equal(t, "STOPPING=1", said)
	<-d.done
	code, out = tasksync("healthcheck", "--admin-addr", addr)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "no daemon answers")
	stranger := httptest.NewServer(http.RedirectHandler("https://app.example/", http.StatusFound))
	defer stranger.Close()
	code, out = tasksync("healthcheck", "--admin-addr", strings.TrimPrefix(stranger.URL, "http://"))
	require.Equal(t, exitFailed, code, "a redirect is no daemon's: %s", out)
	code, out = tasksync("healthcheck", "--admin-addr", "9464")
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "TASKSYNC_ADMIN_ADDR")
}

// A proxy in the environment, which is for requests to the internet, is not asked for a
// daemon of this machine.
func TestHealthcheckAsksNoProxy(t *testing.T) {
	t.Parallel()
	require.Nil(t, adminClient.Transport.(*http.Transport).Proxy)
}

// tasksync runs a command that needs no database, and returns its exit status and all that it
// says.
func tasksync(args ...string) (code int, out string) {
	var b strings.Builder
	code = run(args, &b, &b)
	return code, b.String()
}

// A shell gets its code, and completes by asking the program.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{"bash": "complete ", "zsh": "bashcompinit", "fish": "commandline"} {
		code, out := tasksync("completion", shell)
		require.Zero(t, code, out)
		require.Contains(t, out, want)
	}
	code, out := tasksync("completion", "tcsh")
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "bash")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asCommand+"=1", "COMP_LINE=tasksync migrate s", "COMP_POINT=18")
	said, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "status\n", string(said))
}

func TestManPage(t *testing.T) {
	t.Parallel()
	code, out := tasksync("man")
	require.Zero(t, code, out)
	require.True(t, strings.HasPrefix(out, ".TH TASKSYNC 1"))
	for _, name := range []string{"retry", "doctor", "healthcheck"} {
		require.Contains(t, out, name)
	}
}

func TestVersionFlag(t *testing.T) {
	t.Parallel()
	code, out := tasksync("--version")
	require.Zero(t, code)
	_, same := tasksync("version")
	require.Equal(t, same, out)
	code, help := tasksync("help")
	require.Zero(t, code)
	require.Contains(t, help, "Commands:")
}

// The binary that make build makes needs nothing of the machine.
func TestTheBinaryIsStatic(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tasksync")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	file, err := elf.Open(path)
	require.NoError(t, err)
	defer file.Close()
	for _, p := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type, "it wants a dynamic linker")
	}
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
}
