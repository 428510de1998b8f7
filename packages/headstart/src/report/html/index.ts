export * from "./card.js";
export * from "./data.js";
export { galleryPhotos } from "./groups.js";
export * from "./page.js";
