package postgres

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that ends without Stop leaves neither Postgres nor its folder.
func TestNothingSurvivesItsParent(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(pid int) error{
		"SIGKILL": func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) },
		"Ctrl-C":  func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) }, // the whole group
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := selfCommand(t)
			cmd.Env = append(os.Environ(), childEnv+"=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			var child childReport
			require.NoError(t, json.NewDecoder(stdout).Decode(&child))
			require.True(t, alive(child.PID))
			require.DirExists(t, child.Dir)
			require.Equal(t, 1, query[int](t, child.URL, "select 1"))

			require.NoError(t, kill(cmd.Process.Pid))
			var exit *exec.ExitError
			require.ErrorAs(t, cmd.Wait(), &exit)
			requireGone(t, child.PID, child.Dir)
		})
	}
}

// In a container tests run as root, elsewhere as an ordinary user. This one runs the tests that
// matter as an ordinary user in a container too.
func TestAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // all tests are run by one
	}
	nobody, err := lookupAccount("nobody")
	require.NoError(t, err)
	cmd := nobody.command(t.Context(), copySelf(t), "-test.v", "-test.timeout=2m",
		"-test.run", "^(TestStartAndStop|TestRestartKeepsPortAndData|TestNothingSurvivesItsParent)$")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestNothingSurvivesItsParent")
	require.Contains(t, string(out), "--- PASS: TestStartAndStop")
}

// The death of the watchdog does Postgres no harm.
func TestWatchdogDeath(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	require.NoError(t, s.watchdog.cmd.Process.Kill())
	require.NoError(t, s.Restart(t.Context()))
	require.NoError(t, s.Stop())
	require.NoDirExists(t, s.cluster.dir)
}
