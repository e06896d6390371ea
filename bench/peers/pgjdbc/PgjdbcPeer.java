import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;

/**
 * pgjdbc with its list of hosts, in a pool of HikariCP, as a peer (see ../README.md).
 *
 * As its documentation says: targetServerType=primary, and limits for connecting and for an answer, which are off or long by default.
 */
public final class PgjdbcPeer {
    private static final String WRITE = "insert into bench_write (id) values (?) returning inet_server_port()";
    private static final String SELECT = "select id, n, label from bench where id = ?";
    private static final String UPDATE = "update bench set n = n + 1 where id = ?";
    private static final int ROWS = 10_000;
    /** Load runs for so long before anything counts, and the callers have spread out. */
    private static final long RAMP_NS = 100_000_000L;
    private static final String LIMITS = "connectTimeout=1&socketTimeout=2";

    private final HikariDataSource pool;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private long updates;

    private PgjdbcPeer(String url) {
        // postgresql://app:app@h1:p1,h2:p2/app, whose list of hosts is that of pgjdbc.
        String[] parts = url.substring("postgresql://".length()).split("[@/]", 3);
        String[] login = parts[0].split(":", 2);
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl("jdbc:postgresql://" + parts[1] + "/" + parts[2] + "?targetServerType=primary&" + LIMITS);
        config.setUsername(login[0]);
        config.setPassword(login[1]);
        config.setMaximumPoolSize(10);
        pool = new HikariDataSource(config);
    }

    private static synchronized void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private void write(String number) {
        boolean sent = false;
        try (Connection connection = pool.getConnection();
                PreparedStatement statement = connection.prepareStatement(WRITE)) {
            statement.setInt(1, Integer.parseInt(number));
            sent = true;
            try (ResultSet result = statement.executeQuery()) {
                result.next();
                tell("ok " + number + " " + result.getInt(1));
            }
        } catch (SQLException error) {
            tell((sent && leavesOpen(error) ? "open " : "closed ") + number + " " + oneLine(error));
        }
    }

    /** A reply of the server is certain; class 08 is a lost connection. */
    private static boolean leavesOpen(SQLException error) {
        return error.getSQLState() == null || error.getSQLState().startsWith("08");
    }

    private static String oneLine(Exception error) {
        return String.valueOf(error.getMessage()).replace('\n', ' ');
    }

    private void slice(String number, String work, int callers, double seconds) {
        try {
            tell("slice " + number + " " + measure(work, callers, seconds));
        } catch (Exception error) {
            tell("failed " + number + " " + oneLine(error));
        }
    }

    private String measure(String work, int callers, double seconds) throws Exception {
        long begin = System.nanoTime() + RAMP_NS;
        long end = begin + (long) (seconds * 1e9);
        long before = processorTime();
        List<Future<Slice>> running = new ArrayList<>();
        for (int index = 0; index < callers; index++) running.add(threads.submit(() -> caller(work, begin, end)));
        List<Slice> slices = new ArrayList<>();
        for (Future<Slice> one : running) slices.add(one.get());
        long busy = processorTime() - before;
        long done = slices.stream().mapToLong(one -> one.done).sum();
        if (work.equals("update")) updates += done;
        double[] times = slices.stream().flatMapToDouble(one -> one.times.stream().mapToDouble(each -> each)).toArray();
        Arrays.sort(times);
        return String.format(
                Locale.ROOT,
                "{\"perSecond\":%f,\"p95Ms\":%f,\"p99Ms\":%f,\"clientUs\":%f,\"updates\":%d}",
                times.length / seconds,
                percentile(times, 0.95),
                percentile(times, 0.99),
                busy / 1000.0 / Math.max(1, done),
                updates);
    }

    private static final class Slice {
        final List<Double> times = new ArrayList<>();
        long done;
    }

    private Slice caller(String work, long begin, long end) throws SQLException {
        Slice slice = new Slice();
        for (;;) {
            long begun = System.nanoTime();
            if (begun >= end) return slice;
            statement(work, ThreadLocalRandom.current().nextInt(1, ROWS + 1));
            long ended = System.nanoTime();
            slice.done++;
            if (ended >= begin && ended < end) slice.times.add((ended - begun) / 1e6);
        }
    }

    private void statement(String work, int id) throws SQLException {
        boolean updating = work.equals("update");
        try (Connection connection = pool.getConnection();
                PreparedStatement statement = connection.prepareStatement(updating ? UPDATE : SELECT)) {
            statement.setInt(1, id);
            if (updating) {
                statement.executeUpdate();
                return;
            }
            try (ResultSet result = statement.executeQuery()) {
                result.next();
                result.getString(3);
            }
        }
    }

    private static double percentile(double[] sorted, double share) {
        return sorted.length == 0 ? 0 : sorted[Math.max(0, (int) Math.ceil(sorted.length * share) - 1)];
    }

    private static long processorTime() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    public static void main(String[] args) throws Exception {
        PgjdbcPeer peer = new PgjdbcPeer(args[0]);
        tell("hello " + args[1]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.trim().split(" ");
            if (words[0].equals("write")) peer.threads.submit(() -> peer.write(words[1]));
            else if (words[0].equals("slice"))
                peer.threads.submit(
                        () -> peer.slice(words[1], words[2], Integer.parseInt(words[3]), Double.parseDouble(words[4])));
        }
        System.exit(0);
    }
}
