import type { ReportData } from "./data.js";
import { type Html, html } from "./html.js";
import { facts } from "./summary.js";

/** The section of speed and size. */
export function performanceSection(data: ReportData): Html {
  return html`<section id="performance" aria-labelledby="performance-h"><h2 id="performance-h">Speed and size</h2>
${data.performance.length === 0 ? html`<p>Nothing was measured.</p>` : facts(data.performance)}</section>`;
}

/** The section of how the model is used. */
export function useSection(data: ReportData): Html {
  const { shell, typescript, python } = usage(data);
  return html`<section id="use" aria-labelledby="use-h"><h2 id="use-h">How to use it</h2>
<p class="lead">The model is the one file <code>model.onnx</code>: resizing, normalising, network and softmax are inside, so that any ONNX runtime can run it.</p>
${code("On the command line", shell)}
${code("In TypeScript", typescript)}
${code("In Python, with onnxruntime, numpy and pillow", python)}</section>`;
}

function code(title: string, text: string): Html {
  return html`<h3>${title}</h3><pre tabindex="0" role="region" aria-label="${title}"><code>${text}</code></pre>`;
}

/** Examples of how to use a model, also for its card. */
export function usage({ run }: Pick<ReportData, "run">): {
  shell: string;
  typescript: string;
  python: string;
} {
  return {
    shell: `headstart predict ${shellWord(run)} PHOTO
headstart predict ${shellWord(run)} PHOTO --accuracy 0.95
headstart predict ${shellWord(run)} FOLDER --csv`,
    typescript: `import { Classifier } from "headstart";

const classifier = await Classifier.load(${JSON.stringify(run)});
const best = await classifier.predict("photo.jpg");
console.log(best.className, best.probability, best.confident);
await classifier.close();`,
    python: `import json

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

session = ort.InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])

photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
image = np.asarray(photo)[np.newaxis]  # uint8 [1, H, W, 3]
(probabilities,) = session.run(["probabilities"], {"image": image})
best = int(probabilities[0].argmax())
print(classes[best], probabilities[0, best])`,
  };
}

/** A text as a shell takes it in one piece. */
function shellWord(text: string): string {
  return /^[\p{L}\p{N}_./\\:@%+=,-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
