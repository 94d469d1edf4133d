package main

import (
	"io"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"tasksync/daemon"
)

// parsed returns the configuration of the HTTP side for a command line.
func parsed(t *testing.T, args ...string) daemon.API {
	t.Helper()
	return flagsOf(t, args...).api()
}

func flagsOf(t *testing.T, args ...string) httpFlags {
	t.Helper()
	return parsedRun(t, args...).httpFlags
}

// parsedRun returns the command `tasksync run` with these arguments, not yet run.
func parsedRun(t *testing.T, args ...string) runCmd {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("tasksync"), tagVars(), kong.Writers(io.Discard, io.Discard))
	require.NoError(t, err)
	_, err = parser.Parse(append([]string{"run"}, args...))
	require.NoError(t, err)
	return c.Run
}

func TestHTTPFlags(t *testing.T) {
	t.Parallel()
	require.Equal(t, daemon.API{}, parsed(t), "everything is off at first")
	require.Equal(t, daemon.API{
		JWTSecret: "secret", JWKSURL: "https://x/jwks", JWTIssuer: "iss", JWTAudience: "aud", RequireAAL2: true,
		CORSOrigins: []string{"https://a.example", "https://b.example"}, WebhookTokens: []string{"one", "two", "three"},
	}, parsed(t,
		"--jwt-secret=secret", "--jwks-url=https://x/jwks", "--jwt-issuer=iss", "--jwt-audience=aud", "--jwt-require-aal2",
		"--cors-origins= https://a.example , https://b.example,", "--webhook-token=one, two", "--webhook-token=three"))
	require.Empty(t, parsed(t, "--cors-origins=, ,").CORSOrigins)
}

// TestWebhookSecret: only providers that sign their webhooks are given the secret.
func TestWebhookSecret(t *testing.T) {
	t.Parallel()
	providers := func(names ...string) (all []daemon.Provider) {
		for _, name := range names {
			all = append(all, daemon.Provider{Provider: named(name)})
		}
		return all
	}
	signs := flagsOf(t, "--webhook-secret=signs")
	both := providers("sunoapi", "kie")
	require.NoError(t, signs.sign(both))
	require.Empty(t, both[0].WebhookSecret)
	require.Equal(t, "signs", both[1].WebhookSecret)
	require.NoError(t, flagsOf(t).sign(providers("sunoapi")))
	require.ErrorContains(t, signs.sign(providers("sunoapi", "acedata")), "TASKSYNC_WEBHOOK_SECRET is set, but kie, the only provider")
}

// TestHTTPEnvironment: a wrong setting is a usage error, which names the variable and
// does not contain its value.
func TestHTTPEnvironment(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"TASKSYNC_JWT_SECRET": "hunter2", "TASKSYNC_JWKS_URL": "hunter2", "TASKSYNC_CORS_ORIGINS": "app.example",
		"TASKSYNC_WEBHOOK_TOKEN": "webhook-token-of-the-test,hunter2", "TASKSYNC_WEBHOOK_SECRET": "hunter2",
	} {
		p := start(t, map[string]string{"DATABASE_URL": "postgres://u@127.0.0.1:1/app", "TASKSYNC_API_KEY": "key", name: value}, "run")
		<-p.done
		require.Equal(t, exitUsage, p.cmd.ProcessState.ExitCode(), p.output())
		require.Contains(t, p.output(), name)
		require.NotContains(t, p.output(), "hunter2")
	}
}
