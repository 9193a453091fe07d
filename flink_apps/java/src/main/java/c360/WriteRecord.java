package c360;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.JsonFormatOptions;
import org.apache.flink.formats.json.JsonRowDataSerializationSchema;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.FunctionDefinition;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.ArgumentCount;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.ConstantArgumentCount;
import org.apache.flink.table.types.inference.InputTypeStrategy;
import org.apache.flink.table.types.inference.Signature;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.inference.TypeStrategies;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.table.types.utils.TypeConversions;

/**
 * Writes a row as its stream record: the bytes that Flink's JSON format writes, as text. In SQL:
 *
 * <pre>SELECT write_record(ROW(id, n), 'ROW&lt;id STRING, n BIGINT&gt;') FROM lake</pre>
 *
 * <p>So an unusable row from the lake is rejected as its original record, with the same id.
 */
public final class WriteRecord extends ScalarFunction {

    private static final long serialVersionUID = 1L;
    private transient JsonRowDataSerializationSchema json;

    @Override
    public TypeInference getTypeInference(DataTypeFactory factory) {
        return TypeInference.newBuilder()
                .inputTypeStrategy(new RowAndItsType())
                .outputTypeStrategy(TypeStrategies.explicit(DataTypes.STRING().bridgedTo(StringData.class)))
                .build();
    }

    /** Returns the record of a row. */
    public StringData eval(RowData row, StringData type) {
        if (json == null) {
            json = opened((RowType) parsed(type.toString()).getLogicalType());
        }
        return StringData.fromBytes(json.serialize(row));
    }

    private static JsonRowDataSerializationSchema opened(RowType columns) {
        JsonRowDataSerializationSchema made =
                new JsonRowDataSerializationSchema(
                        columns,
                        TimestampFormat.ISO_8601,
                        JsonFormatOptions.MapNullKeyMode.FAIL,
                        "",
                        true,
                        true);
        try {
            made.open(null);
        } catch (Exception error) {
            throw new IllegalStateException("the JSON format cannot be opened", error);
        }
        return made;
    }

    private static DataType parsed(String type) {
        return TypeConversions.fromLogicalToDataType(LogicalTypeParser.parse(type, WriteRecord.class.getClassLoader()));
    }

    /** A row, and as the second argument its type as a constant. */
    private static final class RowAndItsType implements InputTypeStrategy {
        @Override
        public ArgumentCount getArgumentCount() {
            return ConstantArgumentCount.of(2);
        }

        @Override
        public Optional<List<DataType>> inferInputTypes(CallContext call, boolean throwOnFailure) {
            DataType text = DataTypes.STRING().bridgedTo(StringData.class);
            return call.getArgumentValue(1, String.class)
                    .map(type -> Stream.of(parsed(type).bridgedTo(RowData.class), text).collect(Collectors.toList()));
        }

        @Override
        public List<Signature> getExpectedSignatures(FunctionDefinition definition) {
            return List.of(Signature.of(Signature.Argument.of("ROW"), Signature.Argument.of("STRING")));
        }
    }
}
