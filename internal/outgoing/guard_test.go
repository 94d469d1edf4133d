package outgoing

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewReceiver(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "hunter2", "ftp://hunter2/", "http://", "https:///hunter2", "https://a.example/#hunter2", "http://%zz", "http://a.example:99999/hunter2", "http://a.example:0/", "http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0:80/", "http://[fd00:ec2::254]/"} {
		_, err := NewReceiver(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
	one, err := NewReceiver("https://App.example:8443/hooks?token=hunter2")
	require.NoError(t, err)
	require.Regexp(t, `^app\.example:8443#[0-9a-f]{8}$`, one.Name)
	require.Regexp(t, `^notify_[0-9a-f]{8}$`, one.queue)
	other, err := NewReceiver("https://App.example:8443/hooks?token=hunter3")
	require.NoError(t, err)
	require.NotEqual(t, one.Name, other.Name)
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	const public, single, literal = "app.example.com", "app", "10.0.0.1"
	for _, c := range []struct {
		host, ip string
		want     bool
	}{
		{public, "93.184.216.34", true},
		{public, "2606:4700::1111", true},
		{public, "10.0.0.7", true},
		{public, "192.168.1.2", true},
		{public, "fd12::1", true},
		{public, "100.64.0.9", true},
		{public, "127.0.0.1", false},
		{public, "::1", false},
		{public, "::ffff:127.0.0.1", false},
		{single, "172.18.0.3", true},
		{single, "127.0.0.1", true},
		{literal, "10.0.0.1", true},
		{"localhost", "127.0.0.1", true},
		{"localhost", "::1", true},
		{"app.localhost", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"host.docker.internal", "127.0.0.1", true},
		{"host.docker.internal", "192.168.65.254", true},
		{"metadata.google.internal", "169.254.169.254", false},
		{single, "169.254.169.254", false},
		{public, "::ffff:169.254.169.254", false},
		{"169.254.169.254", "169.254.169.254", false},
		{public, "fe80::1%eth0", false},
		{public, "fd00:ec2::254", false},
		{public, "100.100.100.200", false},
		{public, "168.63.129.16", false},
		{public, "64:ff9b::a9fe:a9fe", false},
		{public, "0.0.0.0", false},
		{public, "::", false},
		{public, "224.0.0.1", false},
		{public, "255.255.255.255", false},
		{public, "192.0.2.1", false},
	} {
		require.Equal(t, c.want, allowed(c.host, netip.MustParseAddr(c.ip)), "%s at %s", c.host, c.ip)
	}
}

// The guard judges the address that a name has resolved to, when the connection is made.
func TestDialer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	conn, err := dialer(nil)(t.Context(), "tcp4", "localhost:"+port)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = dialer(nil)(t.Context(), "tcp4", "169.254.169.254:"+port)
	require.ErrorIs(t, err, errRefusedAddress)
	_, err = dialer(nil)(t.Context(), "tcp4", "0.0.0.0:"+port)
	require.ErrorIs(t, err, errRefusedAddress)
	conn, err = dialer([]string{"0.0.0.0"})(t.Context(), "tcp4", "0.0.0.0:"+port)
	require.NoError(t, err, "a proxy may be anywhere")
	require.NoError(t, conn.Close())
}
