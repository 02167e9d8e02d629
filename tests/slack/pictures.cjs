// Reads {blocks, images, name, face} from a JSON file and writes a page that shows them as Slack does.
const fs = require("fs");
const React = require("react");
const { renderToStaticMarkup } = require("react-dom/server");
const { Message } = require("slack-blocks-to-jsx");

const { blocks, images, name, face } = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const style = fs.readFileSync(require.resolve("slack-blocks-to-jsx/dist/style.css"), "utf8");
const time = new Date(2026, 0, 1, 10, 24);
const message = renderToStaticMarkup(
  React.createElement(Message, { blocks, name, logo: face, time, theme: "light" }),
);
const shown = images.map((image) => `<img src="${image}">`).join("");
const own = `
  body { margin: 16px; width: 640px; font-family: Lato, "DejaVu Sans", sans-serif; }
  .images { display: flex; flex-wrap: wrap; gap: 6px; margin: 4px 0 8px 44px; }
  .images img { width: 180px; border-radius: 8px; }`;
process.stdout.write(
  `<!doctype html><meta charset="utf-8"><style>${style}${own}</style>` +
    `${message}<div class="images">${shown}</div>`,
);
