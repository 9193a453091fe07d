package c360;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.JsonParserRowDataDeserializationSchema;
import org.apache.flink.formats.json.JsonRowDataDeserializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.functions.TableFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.InputTypeStrategies;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.table.types.utils.TypeConversions;
import org.apache.flink.util.Collector;

/**
 * Reads one record of a stream as Flink's JSON format does, but never fails: a record that cannot be read gives a row
 * with the reason.
 *
 * <p>Flink's format would fail the job on such a record, or drop it silently. In SQL:
 *
 * <pre>SELECT r.* FROM stream CROSS JOIN LATERAL TABLE(read_record(body, 'ROW&lt;id STRING NOT NULL, n BIGINT&gt;')) AS r
 * </pre>
 *
 * <p>A good record gives its columns, and nulls in `fault_code` and `fault`. A bad record gives nulls in the columns,
 * the code and the reason (the field and the fix, never a value). Both give `record`, the record as text, with bytes
 * that are not UTF-8 as \xNN. A NOT NULL column must be in the record.
 */
public final class ReadRecord extends TableFunction<RowData> {

    private static final long serialVersionUID = 1L;
    // Years of four digits: later ones break the comparison of texts, and the range of microseconds.
    private static final long EARLIEST = Instant.parse("0001-01-01T00:00:00Z").toEpochMilli();
    private static final long LATEST = Instant.parse("9999-12-31T23:59:59.999Z").toEpochMilli();
    private static final byte[] FALSE = "false".getBytes(StandardCharsets.UTF_8);
    private static final String MALFORMED = "MALFORMED_JSON";

    // Without its exponent, 1e99999999 takes a hundred megabytes: a decimal must be shorter than this.
    private static final int LONGEST_DECIMAL = 64;

    private transient RowType columns;
    private transient byte[][] names;
    private transient JsonParserRowDataDeserializationSchema quick;
    private transient JsonRowDataDeserializationSchema json;
    private transient Quick found;

    @Override
    public TypeInference getTypeInference(DataTypeFactory factory) {
        DataType text = DataTypes.STRING().bridgedTo(StringData.class);
        return TypeInference.newBuilder()
                .inputTypeStrategy(InputTypeStrategies.explicitSequence(DataTypes.BYTES(), text))
                .outputTypeStrategy(call -> call.getArgumentValue(1, String.class).map(ReadRecord::outputType))
                .build();
    }

    /** Emits the one row of a record. */
    public void eval(byte[] body, StringData type) {
        if (json == null) {
            prepare(parsed(type.toString()));
        }
        byte[] record = body == null ? new byte[0] : body;
        int width = columns.getFieldCount();
        GenericRowData row = new GenericRowData(width + 3);
        try {
            if (!fillQuickly(row, record)) {
                fill(row, record);
            }
            row.setField(width + 2, StringData.fromBytes(record));
        } catch (Fault fault) {
            for (int place = 0; place < width; place++) {
                row.setField(place, null);
            }
            row.setField(width, StringData.fromString(fault.code));
            row.setField(width + 1, StringData.fromString(fault.getMessage()));
            row.setField(width + 2, StringData.fromString(text(record)));
        }
        collect(row);
    }

    /**
     * Fills the row as Flink's format does, in a third of the time of checking each field, and returns whether the
     * result is certain.
     */
    private boolean fillQuickly(GenericRowData row, byte[] body) {
        if (body.length == 0 || body[0] != '{' || !decimalsAreShort(body)) {
            return false;
        }
        found.rows = 0;
        try {
            quick.deserialize(body, found);
        } catch (IOException | RuntimeException | StackOverflowError error) {
            return false;
        }
        if (found.rows != 1) {
            return false;
        }
        for (int place = 0; place < names.length; place++) {
            Object value = found.row.getField(place);
            if (isDoubtful(place, value, body)) {
                return false;
            }
            row.setField(place, value);
        }
        return true;
    }

    private boolean isDoubtful(int place, Object value, byte[] body) {
        LogicalType type = columns.getTypeAt(place);
        if (value == null) {
            return !type.isNullable() || indexOf(body, names[place], 0) >= 0;
        }
        if (Boolean.FALSE.equals(value)) {
            int start = indexOf(body, names[place], 0) + names[place].length;
            return indexOf(body, FALSE, start) != start + 1;
        }
        return value instanceof TimestampData && isOutside((TimestampData) value);
    }

    private boolean decimalsAreShort(byte[] body) {
        for (int place = 0; place < names.length; place++) {
            if (columns.getTypeAt(place).is(LogicalTypeRoot.DECIMAL)) {
                for (int at = indexOf(body, names[place], 0); at >= 0; at = indexOf(body, names[place], at + 1)) {
                    if (!isShort(body, at + names[place].length)) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    private static boolean isShort(byte[] body, int start) {
        for (int at = start; at < body.length && at < start + LONGEST_DECIMAL; at++) {
            if (body[at] == ',' || body[at] == '}') {
                return true;
            }
            if (body[at] == 'e' || body[at] == 'E') {
                return false;
            }
        }
        return false;
    }

    private static int indexOf(byte[] body, byte[] part, int start) {
        for (int at = start; at <= body.length - part.length; at++) {
            if (body[at] == part[0] && Arrays.equals(body, at, at + part.length, part, 0, part.length)) {
                return at;
            }
        }
        return -1;
    }

    private static boolean isOutside(TimestampData value) {
        return value.getMillisecond() < EARLIEST || value.getMillisecond() > LATEST;
    }

    private void fill(GenericRowData row, byte[] body) throws Fault {
        JsonNode record = tree(body);
        GenericRowData read = converted(record);
        for (int place = 0; place < columns.getFieldCount(); place++) {
            Object value = read.getField(place);
            check(columns.getFieldNames().get(place), columns.getTypeAt(place), record, value);
            row.setField(place, value);
        }
    }

    private JsonNode tree(byte[] body) throws Fault {
        JsonNode record;
        try {
            record = json.deserializeToJsonNode(body);
        } catch (JsonProcessingException error) {
            long place = error.getLocation() == null ? 0 : error.getLocation().getColumnNr();
            throw new Fault(MALFORMED, "the record is no valid JSON, at column " + place + "; write JSON");
        } catch (IOException | RuntimeException | StackOverflowError error) {
            throw new Fault(MALFORMED, "the record is no valid JSON; write JSON");
        }
        if (record == null || !record.isObject()) {
            throw new Fault(MALFORMED, "the record is no JSON object; write one object per record");
        }
        return record;
    }

    private GenericRowData converted(JsonNode record) throws Fault {
        for (RowType.RowField column : columns.getFields()) {
            if (column.getType().is(LogicalTypeRoot.DECIMAL) && isEndless(record.get(column.getName()))) {
                throw wrong(column.getName(), column.getType());
            }
        }
        try {
            return (GenericRowData) json.convertToRowData(record);
        } catch (RuntimeException | StackOverflowError error) {
            throw firstWrong(record);
        }
    }

    private static boolean isEndless(JsonNode node) {
        if (node == null || node.isNull()) {
            return false;
        }
        try {
            BigDecimal number = new BigDecimal(node.asText().trim());
            return Math.max(number.precision(), Math.abs((long) number.scale())) > LONGEST_DECIMAL;
        } catch (NumberFormatException error) {
            return false; // the conversion finds it again
        }
    }

    /** Finds the field that cannot be converted; only records that fail are checked field by field. */
    private Fault firstWrong(JsonNode record) {
        for (RowType.RowField column : columns.getFields()) {
            try {
                reader(new RowType(List.of(column))).convertToRowData(record);
            } catch (RuntimeException | StackOverflowError error) {
                return wrong(column.getName(), column.getType());
            }
        }
        return new Fault("WRONG_TYPE", "the record has a field that cannot be read; compare it with its contract");
    }

    private static void check(String name, LogicalType type, JsonNode record, Object value) throws Fault {
        JsonNode node = record.get(name);
        boolean absent = node == null || node.isNull();
        if (absent && !type.isNullable()) {
            throw new Fault("MISSING_FIELD", "`" + name + "` is missing; send it");
        }
        if (absent) {
            return;
        }
        // The format converts a decimal that does not fit to null, and any value other than true to false.
        if (value == null || (type.is(LogicalTypeRoot.BOOLEAN) && !node.isBoolean())) {
            throw wrong(name, type);
        }
        if (value instanceof TimestampData && isOutside((TimestampData) value)) {
            throw new Fault("OUT_OF_RANGE", "`" + name + "` is outside the years 1 to 9999; send a real moment");
        }
    }

    private static Fault wrong(String name, LogicalType type) {
        return new Fault("WRONG_TYPE", "`" + name + "` cannot be read as " + type.copy(true) + "; send one");
    }

    private static String text(byte[] body) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
        } catch (CharacterCodingException error) {
            StringBuilder escaped = new StringBuilder();
            for (byte one : body) {
                escaped.append(one >= 0 ? String.valueOf((char) one) : String.format("\\x%02x", one));
            }
            return escaped.toString();
        }
    }

    private void prepare(RowType type) {
        columns = type;
        names = new byte[type.getFieldCount()][];
        for (int place = 0; place < names.length; place++) {
            names[place] = ("\"" + type.getFieldNames().get(place) + "\"").getBytes(StandardCharsets.UTF_8);
        }
        found = new Quick();
        quick =
                new JsonParserRowDataDeserializationSchema(
                        nullable(type), TypeInformation.of(RowData.class), false, false, TimestampFormat.ISO_8601);
        opened(quick);
        json = reader(type);
    }

    private static JsonRowDataDeserializationSchema reader(RowType columns) {
        JsonRowDataDeserializationSchema made =
                new JsonRowDataDeserializationSchema(
                        nullable(columns), TypeInformation.of(RowData.class), false, false, TimestampFormat.ISO_8601);
        opened(made);
        return made;
    }

    private static void opened(DeserializationSchema<RowData> made) {
        try {
            made.open(null);
        } catch (Exception error) {
            throw new IllegalStateException("the JSON format cannot be opened", error);
        }
    }

    private static RowType parsed(String type) {
        return (RowType) LogicalTypeParser.parse(type, ReadRecord.class.getClassLoader());
    }

    private static RowType nullable(RowType columns) {
        List<RowType.RowField> fields = new ArrayList<>();
        for (RowType.RowField column : columns.getFields()) {
            fields.add(new RowType.RowField(column.getName(), column.getType().copy(true)));
        }
        return new RowType(fields);
    }

    private static DataType outputType(String type) {
        List<DataTypes.Field> fields = new ArrayList<>();
        for (RowType.RowField column : parsed(type).getFields()) {
            DataType nullable = TypeConversions.fromLogicalToDataType(column.getType()).nullable();
            fields.add(DataTypes.FIELD(column.getName(), nullable));
        }
        for (String name : List.of("fault_code", "fault", "record")) {
            fields.add(DataTypes.FIELD(name, DataTypes.STRING()));
        }
        return DataTypes.ROW(fields).notNull().bridgedTo(RowData.class);
    }

    /** The rows that the fast path finds in a record. */
    private static final class Quick implements Collector<RowData> {
        private GenericRowData row;
        private int rows;

        @Override
        public void collect(RowData read) {
            row = (GenericRowData) read;
            rows++;
        }

        @Override
        public void close() {}
    }

    /** Why a record cannot be read. */
    private static final class Fault extends Exception {
        private static final long serialVersionUID = 1L;
        private final String code;

        Fault(String code, String reason) {
            super(reason, null, false, false);
            this.code = code;
        }
    }
}
