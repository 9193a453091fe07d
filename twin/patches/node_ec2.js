  // A client of EC2 for the functions that the CDK brings along: any operation, its result left unread.
  function _makeEc2ClientModule() {
    const VERSION = "2016-11-15";
    const NAMES_ON_THE_WIRE = { UserIdGroupPairs: "Groups" };

    function fields(value, name) {
      if (Array.isArray(value)) return value.flatMap((one, index) => fields(one, name + "." + (index + 1)));
      if (value !== null && typeof value === "object") {
        const prefix = name ? name + "." : "";
        return Object.entries(value).flatMap(([key, one]) => fields(one, prefix + (NAMES_ON_THE_WIRE[key] || key)));
      }
      return value === undefined || value === null ? [] : [[name, String(value)]];
    }

    function failure(status, text) {
      const found = (tag) => (new RegExp("<" + tag + ">([^<]*)</" + tag + ">").exec(text) || [])[1];
      const error = new Error(found("Message") || text || "EC2 answered " + status);
      error.name = error.code = found("Code") || "ServiceError";
      return error;
    }

    function call(operation, params) {
      const ep = new URL(process.env.AWS_ENDPOINT_URL);
      const body = new URLSearchParams([["Action", operation], ["Version", VERSION], ...fields(params, "")]).toString();
      const headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Content-Length": Buffer.byteLength(body),
      };
      const request = {
        hostname: ep.hostname,
        port: ep.port,
        method: "POST",
        path: "/",
        headers: _signedHeaders("ec2", "POST", ep, "/", body, headers),
      };
      return new Promise((resolve, reject) => {
        const sent = http.request(request, (answer) => {
          const chunks = [];
          answer.on("data", (chunk) => chunks.push(chunk));
          answer.on("end", () => {
            const text = Buffer.concat(chunks).toString();
            if (answer.statusCode >= 400) reject(failure(answer.statusCode, text));
            else resolve({});
          });
        });
        sent.on("error", reject);
        sent.end(body);
      });
    }

    const operations = {
      get: (_, name) => (params) => call(name[0].toUpperCase() + name.slice(1), params),
    };
    return { EC2: function () { return new Proxy({}, operations); } };
  }
